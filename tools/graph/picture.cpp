// What a picture shows and how: the options that render and demo share.
#include <map>

#include "command.hpp"

namespace graphtool {
namespace {

namespace us = unspool;

template <class E>
void add_choice(CLI::App& command, const char* name, E& value, const std::map<std::string, E>& names,
                const char* what) {
  command.add_option(name, value, what)->transform(CLI::CheckedTransformer(names, CLI::ignore_case))->option_text([&] {
    std::string text;
    for (const auto& [word, e] : names) text += (text.empty() ? "" : "|") + word;
    return text;
  }());
}

us::GraphFormat format_of(const Picture& picture) {
  static const std::map<std::string, us::GraphFormat> formats = {{"html", us::GraphFormat::html},
                                                                 {"svg", us::GraphFormat::svg},
                                                                 {"dot", us::GraphFormat::dot},
                                                                 {"json", us::GraphFormat::json},
                                                                 {"txt", us::GraphFormat::text}};
  std::string name = picture.format;
  if (name.empty() && picture.out == "-") name = "svg";
  const std::size_t dot = picture.out.find_last_of("./");
  if (name.empty() && dot != std::string::npos && picture.out[dot] == '.') name = picture.out.substr(dot + 1);
  const auto found = formats.find(name);
  if (found == formats.end())
    throw CLI::ValidationError(
        "--output", "must end in .html, .svg, .dot, .json or .txt, or --format must be given; given " + picture.out);
  return found->second;
}

}  // namespace

void add_picture(CLI::App& command, Picture& picture, const char* steps_option) {
  us::GraphStyle& style = picture.style;
  command.add_option("-o,--output", picture.out, "where to: .html, .svg, .dot, .json, .txt, or - for standard output")
      ->option_text("FILE [-]");
  command.add_option("--format", picture.format, "whatever the name ends in")
      ->check(CLI::IsMember({"html", "svg", "dot", "json", "txt"}))
      ->option_text("html|svg|dot|json|txt");
  add_choice<us::GraphView>(command, "--view", style.view,
                            {{"unrolled", us::GraphView::unrolled},
                             {"folded", us::GraphView::folded},
                             {"modules", us::GraphView::modules},
                             {"memory", us::GraphView::memory},
                             {"gradient", us::GraphView::gradient},
                             {"parameter", us::GraphView::parameter}},
                            "what is shown");
  command.add_option(steps_option, style.steps, "time steps that are drawn, the others folded: 0:8,-4:")
      ->option_text("RANGES");
  command.add_option("--scope", style.scope, "only nodes whose scope this regular expression is found in")
      ->option_text("REGEX");
  add_choice<us::GraphColor>(command, "--color", style.color,
                             {{"op", us::GraphColor::op},
                              {"gradnorm", us::GraphColor::gradnorm},
                              {"bytes", us::GraphColor::bytes},
                              {"flops", us::GraphColor::flops},
                              {"none", us::GraphColor::none}},
                             "what the fill of a node says");
  add_choice<us::ParameterStyle>(
      command, "--params", style.parameters,
      {{"badge", us::ParameterStyle::badges}, {"lane", us::ParameterStyle::lane}, {"node", us::ParameterStyle::nodes}},
      "how parameters are drawn");
  add_choice<us::GraphPhase>(
      command, "--phase", style.phase,
      {{"forward", us::GraphPhase::forward}, {"backward", us::GraphPhase::backward}, {"both", us::GraphPhase::both}},
      "which way the arrows point");
  command.add_option("--max-nodes", style.max_nodes, "fold so many steps that no more nodes are drawn")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40))
      ->option_text("N");
  add_choice<us::GraphTheme>(
      command, "--theme", style.theme,
      {{"light", us::GraphTheme::light}, {"dark", us::GraphTheme::dark}, {"print", us::GraphTheme::print}},
      "colours; without it pages follow the system and pictures are light");
  command.add_option("--title", style.title, "above the picture")->option_text("TEXT");
}

void write_picture(const us::Graph& graph, const Picture& picture) {
  switch (format_of(picture)) {
    case us::GraphFormat::html:
      return write_output(picture.out, us::graph_html(graph, picture.style));
    case us::GraphFormat::dot:
      return write_output(picture.out, us::graph_dot(graph, picture.style));
    case us::GraphFormat::json:
      return write_output(picture.out, us::graph_json(graph, picture.style));
    case us::GraphFormat::text: {
      const us::Graph part = picture.style.scope.empty() ? graph : us::select_scope(graph, picture.style.scope);
      return write_output(picture.out, us::graph_text(us::keep_steps(part, picture.style.steps)));
    }
    default:
      return write_output(picture.out, us::graph_svg(graph, picture.style));
  }
}

void add_render(CLI::App& app, Context& context) {
  struct Options {
    std::string file;
    Picture picture;
  };
  CLI::App* command = app.add_subcommand("render", "draw a graph as a page, a picture or text");
  auto o = std::make_shared<Options>();
  command->add_option("file", o->file, "graph file, or - for standard input")->required()->option_text("FILE");
  add_picture(*command, o->picture);
  command->callback([o, &context] { write_picture(read_input(o->file, context), o->picture); });
}

}  // namespace graphtool
