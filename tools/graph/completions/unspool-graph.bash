# bash completion for unspool-graph
_unspool_graph() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  local commands="render stat grad memory diff query export verify demo"
  local picture="--output --format --view --steps --scope --color --params --phase --max-nodes --theme --title --help"
  local command="" word
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case " $commands " in *" $word "*) command=$word; break ;; esac
  done
  case $prev in
    --view) COMPREPLY=($(compgen -W "unrolled folded modules memory gradient parameter" -- "$cur")); return ;;
    --color) COMPREPLY=($(compgen -W "op gradnorm bytes flops none" -- "$cur")); return ;;
    --params) COMPREPLY=($(compgen -W "badge lane node" -- "$cur")); return ;;
    --phase) COMPREPLY=($(compgen -W "forward backward both" -- "$cur")); return ;;
    --theme) COMPREPLY=($(compgen -W "light dark print" -- "$cur")); return ;;
    --format) COMPREPLY=($(compgen -W "html svg dot json txt" -- "$cur")); return ;;
    --loss) COMPREPLY=($(compgen -W "all last" -- "$cur")); return ;;
    --to) COMPREPLY=($(compgen -W "graphml perfetto model-explorer" -- "$cur")); return ;;
    --steps | --show-steps | --scope | --max-nodes | --title | --param | --budget | --tolerance | --layers | --hidden | --input | --batch | --seed | --max-nodes-read)
      return ;;
  esac
  local options="--help"
  case $command in
    "") COMPREPLY=($(compgen -W "$commands --help --version --max-nodes-read" -- "$cur")); return ;;
    render) options=$picture ;;
    stat) options="--json --help" ;;
    grad) options="--param --help" ;;
    memory) options="--budget --help" ;;
    diff) options="--lines --no-norms --quiet --tolerance --help" ;;
    query) options="--count --help" ;;
    export) options="--to --output --help" ;;
    demo) options="$picture --show-steps --layers --hidden --input --batch --seed --loss --composed --whole" ;;
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
  elif [[ $command == demo && $prev == demo ]]; then
    COMPREPLY=($(compgen -W "rnn lstm gru" -- "$cur"))
  else
    COMPREPLY=($(compgen -f -- "$cur"))
  fi
}
complete -o filenames -F _unspool_graph unspool-graph
