#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/input.h"
#include "client/steerctl/json.h"
#include "client/steerctl/table.h"
#include "client/steerctl/terminal.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

struct HealthOptions {
  std::string service;
};

struct ModelOptions {};

struct TokenizeOptions {
  std::string text;
  bool chat = false;
  std::string system;
  bool ids_only = false;
};

struct DetokenizeOptions {
  std::vector<int> ids;
  bool special = false;
};

absl::Status RunHealth(const Session& session, const HealthOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const std::string state, client->Health(options.service));
  Print(session.json ? Dump({{"status", state}}) : state + "\n");
  if (state != "SERVING") return absl::UnavailableError("the server does not serve now");
  return absl::OkStatus();
}

// "temperature 0.8, top_p 0.95": what the model's configuration says.
std::string SamplingText(const v1::Sampling& sampling) {
  std::vector<std::string> parts;
  const auto add = [&](const char* name, bool has, double value) {
    if (has) parts.push_back(absl::StrCat(name, " ", value));
  };
  add("temperature", sampling.has_temperature(), sampling.temperature());
  add("top-k", sampling.has_top_k(), sampling.top_k());
  add("top-p", sampling.has_top_p(), sampling.top_p());
  add("min-p", sampling.has_min_p(), sampling.min_p());
  add("repetition penalty", sampling.has_repetition_penalty(), sampling.repetition_penalty());
  add("presence penalty", sampling.has_presence_penalty(), sampling.presence_penalty());
  add("frequency penalty", sampling.has_frequency_penalty(), sampling.frequency_penalty());
  return absl::StrJoin(parts, ", ");
}

absl::Status RunModel(const Session& session, const ModelOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const v1::Model model, client->GetModel());
  if (session.json) {
    Print(Dump(ToJson(model)));
    return absl::OkStatus();
  }
  Print(Listing({{"name", model.name()},
                 {"architecture", model.architecture()},
                 {"fingerprint", model.fingerprint()},
                 {"layers", absl::StrCat(model.layers())},
                 {"hidden", absl::StrCat(model.hidden())},
                 {"ffn", absl::StrCat(model.ffn())},
                 {"heads", absl::StrCat(model.heads(), " (", model.kv_heads(), " key-value) of ",
                                        model.head_dim())},
                 {"vocabulary", absl::StrCat(model.vocabulary())},
                 {"parameters", absl::StrCat(model.parameters())},
                 {"context limit", absl::StrCat(model.context_limit(), " tokens")},
                 {"runs as", model.dtype()},
                 {"chat template", model.has_chat_template() ? "yes" : "no"},
                 {"default system", model.default_system()},
                 {"default sampling", SamplingText(model.default_sampling())}}));
  // Not in positions: layers with a window have blocks of their own, and need few of them.
  Table pools({{"POOL"}, {"STATE"}, {"KV BLOCKS", Table::Align::kRight}});
  for (const v1::Pool& pool : model.pools()) {
    pools.Add({pool.name(),
               absl::StrCat(pool.healthy() ? "healthy" : "FAILED",
                            pool.learning_only() ? ", learning only" : ""),
               absl::StrCat(pool.kv_blocks())});
  }
  Print("\n" + pools.ToString());
  Table sites({{"SITE"}, {"IN", Table::Align::kRight}, {"OUT", Table::Align::kRight}});
  for (const v1::Site& site : model.sites()) {
    sites.Add({absl::StrCat("layers.<l>.", site.name()),
               site.in() == 0 ? "" : absl::StrCat(site.in()), absl::StrCat(site.out())});
  }
  Print("\n" + sites.ToString());
  return absl::OkStatus();
}

absl::Status RunTokenize(const Session& session, const TokenizeOptions& options) {
  v1::TokenizeRequest request;
  STEER_ASSIGN_OR_RETURN(const std::string text, TextOrStdin(options.text, "text"));
  if (options.chat) {
    v1::ChatMessages& chat = *request.mutable_prompt()->mutable_chat();
    if (!options.system.empty()) {
      v1::ChatMessage& message = *chat.add_messages();
      message.set_role("system");
      message.set_content(options.system);
    }
    v1::ChatMessage& message = *chat.add_messages();
    message.set_role("user");
    message.set_content(text);
  } else {
    request.mutable_prompt()->set_text(text);
  }
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const v1::TokenizeResponse response, client->Tokenize(request));
  if (session.json) {
    Print(Dump(ToJson(response)));
    return absl::OkStatus();
  }
  if (options.ids_only) {
    Print(absl::StrCat(absl::StrJoin(response.ids(), " "), "\n"));
    return absl::OkStatus();
  }
  Table table({{"#", Table::Align::kRight}, {"ID", Table::Align::kRight}, {"PIECE"}});
  for (int i = 0; i < response.ids_size() && i < response.pieces_size(); ++i) {
    // A newline inside a piece would break the table.
    table.Add({absl::StrCat(i), absl::StrCat(response.ids(i)),
               nlohmann::json(response.pieces(i))
                   .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)});
  }
  Print(table.ToString());
  if (options.chat) {
    Print(absl::StrCat("The first ", response.head_length(), " are the template's head.\n"));
  }
  return absl::OkStatus();
}

absl::Status RunDetokenize(const Session& session, const DetokenizeOptions& options) {
  v1::DetokenizeRequest request;
  request.mutable_ids()->Add(options.ids.begin(), options.ids.end());
  request.set_with_special(options.special);
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const std::string text, client->Detokenize(request));
  Print(session.json ? Dump({{"text", text}}) : text + "\n");
  return absl::OkStatus();
}

}  // namespace

void AddModelCommands(CLI::App& app, Session& session) {
  CLI::App& health = *app.add_subcommand("health", "Ask whether the server serves");
  const auto health_options = std::make_shared<HealthOptions>();
  health.add_option("service", health_options->service,
                    "One service, e.g. steer.v1.GenerationService; default: the server");
  health.footer("Exit code 1 if it does not.\nExample: steerctl health --wait 60");
  SetAction(health, session, health_options, &RunHealth);

  CLI::App& model =
      *app.add_subcommand("model", "Show the resident model, its pools and its sites");
  model.footer("Example: steerctl model --json");
  SetAction(model, session, std::make_shared<ModelOptions>(), &RunModel);

  CLI::App& tokenize = *app.add_subcommand("tokenize", "Show a text's tokens");
  const auto tokenize_options = std::make_shared<TokenizeOptions>();
  tokenize.add_option("text", tokenize_options->text, "The text; default: standard input");
  CLI::Option* chat = tokenize.add_flag("--chat", tokenize_options->chat,
                                        "As a user's message in the model's chat template");
  tokenize.add_option("--system", tokenize_options->system, "System message")->needs(chat);
  tokenize.add_flag("--ids", tokenize_options->ids_only, "The ids alone, on one line");
  tokenize.footer("Example: steerctl tokenize \"Hello, world\" --chat");
  SetAction(tokenize, session, tokenize_options, &RunTokenize);

  CLI::App& detokenize = *app.add_subcommand("detokenize", "Show the text of token ids");
  const auto detokenize_options = std::make_shared<DetokenizeOptions>();
  detokenize.add_option("ids", detokenize_options->ids, "Token ids")->required();
  detokenize.add_flag("--special", detokenize_options->special, "Spell out special tokens");
  detokenize.footer("Example: steerctl detokenize 19556 28 905");
  SetAction(detokenize, session, detokenize_options, &RunDetokenize);
}

}  // namespace steer
