#pragma once

#include "CLI/CLI.hpp"
#include "client/steerctl/session.h"

namespace steer {

// Each adds its commands to steerctl; one .cc file per function.
void AddModelCommands(CLI::App& app, Session& session);  // health, model, tokenize, detokenize
void AddGenerateCommand(CLI::App& app, Session& session);
void AddSteerCommand(CLI::App& app, Session& session);
void AddChatCommand(CLI::App& app, Session& session);
void AddSignalCommands(CLI::App& app, Session& session);   // signal add|list|…|promote
void AddDatasetCommands(CLI::App& app, Session& session);  // dataset upload|list|show|rm
void AddLearnCommand(CLI::App& app, Session& session);
void AddScoreCommand(CLI::App& app, Session& session);
void AddSweepCommand(CLI::App& app, Session& session);
void AddMeasureCommand(CLI::App& app, Session& session);
void AddManifoldCommand(CLI::App& app, Session& session);
void AddCurveCommands(CLI::App& app, Session& session);  // fit, recommend, curves list|show|delete
void AddProbeCommands(CLI::App& app, Session& session);  // probes set|list|show|delete
void AddJobCommands(CLI::App& app, Session& session);    // jobs list|show|watch|cancel

}  // namespace steer
