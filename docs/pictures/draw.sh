#!/bin/sh
# Draws the pictures of docs/graph-tool.md and docs/what-bptt-looks-like.md.
#   docs/pictures/draw.sh [build/tools/graph/unspool-graph] [FOLDER]
set -eu
tool=${1:-unspool-graph}
here=${2:-$(cd "$(dirname "$0")" && pwd)}
graph=$(mktemp)
trap 'rm -f "$graph"' EXIT

"$tool" demo rnn --steps 4 --title "A recurrent network, four steps" -o "$here/rnn.svg"
"$tool" demo rnn --steps 4 --phase backward --title "The same steps, walked back" -o "$here/rnn-backward.svg"
"$tool" demo rnn --steps 4 --params lane --color flops --theme dark --title "Parameters in lanes" -o "$here/rnn-lanes.svg"

"$tool" demo lstm --steps 40 --layers 2 --whole --title "Two LSTM layers over whole sequences" -o "$here/layers.svg"

"$tool" demo lstm --steps 50 --layers 2 --hidden 64 --composed --format json -o "$graph"
"$tool" render "$graph" --steps 0:2,-2: --scope "^l0" --title "Layer 0 of a composed LSTM" -o "$here/lstm.svg"
"$tool" render "$graph" --view modules --title "Modules" -o "$here/modules.svg"
"$tool" render "$graph" --view memory --title "Memory" -o "$here/memory.svg"
"$tool" render "$graph" --view gradient --title "Gradients of two LSTM layers" -o "$here/gradient.svg"

"$tool" demo lstm --steps 50 --layers 2 --hidden 64 --view folded --title "50 steps in one" -o "$here/folded.svg"
"$tool" demo rnn --steps 60 --loss last --view gradient --title "Vanishing: only the last step has a loss" -o "$here/vanishing.svg"
"$tool" demo rnn --steps 24 --loss last --view parameter --title "What each step adds to a shared parameter" -o "$here/parameter.svg"

# The page in a browser, where NODE_PATH leads to what `tools/packages browser` installs.
if [ -n "${NODE_PATH:-}" ]; then
  page=$(mktemp -d)
  trap 'rm -rf "$graph" "$page"' EXIT
  "$tool" demo lstm --steps 40 --layers 2 --composed --loss last --theme light -o "$page/lstm.html"
  picture="node $(dirname "$0")/../../tests/browser/picture.js $page/lstm.html"
  $picture "$here/page.png" "#v=unrolled&b=3" 1280x640
  $picture "$here/page-gradient.png" "#v=gradient&rows=all"
  $picture "$here/page-parameter.png" "#v=parameter"
fi
