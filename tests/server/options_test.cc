#include "server/options.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

// A file that exists, wherever the test runs.
constexpr char kSomeFile[] = "/proc/self/exe";

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// It stands in for the model, too: options only ask whether it is there.
Invocation Parse(std::vector<const char*> flags) {
  std::vector<const char*> argv = {"steerd", "--model", kSomeFile};
  argv.insert(argv.end(), flags.begin(), flags.end());
  return ParseCommandLine(static_cast<int>(argv.size()), argv.data());
}

TEST(OptionsTest, DefaultsAreLocalAndModest) {
  const Invocation invocation = Parse({});
  ASSERT_TRUE(invocation.options.has_value()) << invocation.output;
  EXPECT_EQ(invocation.options->listen, "127.0.0.1:7070");
  EXPECT_EQ(invocation.options->metrics_listen, "127.0.0.1:7071");
  EXPECT_EQ(invocation.options->metrics_signals, 50);
  EXPECT_EQ(invocation.options->max_message_mib, 8);
  EXPECT_TRUE(invocation.options->reflection);
  EXPECT_EQ(invocation.options->runtime.dtype, "bf16");
  EXPECT_THAT(invocation.options->runtime.devices, ElementsAre("cpu:0"));
  EXPECT_EQ(invocation.options->runtime.kv_cache_mib, 0);
  EXPECT_TRUE(invocation.options->runtime.prefix_cache);
}

TEST(OptionsTest, DevicesComeInAListOrOneByOne) {
  const Invocation again = Parse({"--devices", "cpu:1", "--devices", "cpu:0"});
  ASSERT_TRUE(again.options.has_value()) << again.output;
  EXPECT_THAT(again.options->runtime.devices, ElementsAre("cpu:1", "cpu:0"));
  const Invocation list = Parse({"--devices=cpu:0,cuda:12"});
  ASSERT_TRUE(list.options.has_value()) << list.output;
  EXPECT_THAT(list.options->runtime.devices, ElementsAre("cpu:0", "cuda:12"));
  for (const char* bad : {"cpu", "cuda:", "cpu:-1", "tpu:0", "cpu:0x", "cpu:99999999999"}) {
    const Invocation refused = Parse({"--devices", bad});
    EXPECT_FALSE(refused.options.has_value()) << bad;
    EXPECT_THAT(refused.output, HasSubstr(bad));
  }
  EXPECT_THAT(Parse({"--devices", "cpu:0,cpu:1,cpu:0"}).output, HasSubstr("each device once"));
}

TEST(OptionsTest, TheLearningDeviceIsAnother) {
  EXPECT_EQ(Parse({}).options->runtime.learning_device, "");
  const Invocation other = Parse({"--devices", "cpu:0", "--learning-device", "cpu:1"});
  ASSERT_TRUE(other.options.has_value()) << other.output;
  EXPECT_EQ(other.options->runtime.learning_device, "cpu:1");
  for (const char* bad : {"cpu:1", "tpu:0", "cpu:2,cpu:3", ""}) {
    const Invocation refused = Parse({"--devices", "cpu:0,cpu:1", "--learning-device", bad});
    EXPECT_EQ(refused.exit_code, 2) << bad;
    EXPECT_THAT(refused.output, AllOf(HasSubstr("--learning-device"), HasSubstr(bad)));
  }
}

TEST(OptionsTest, TakesEveryFlag) {
  const Invocation invocation = Parse({"--state-dir",
                                       "s",
                                       "--listen",
                                       "unix:/x",
                                       "--metrics-listen",
                                       "off",
                                       "--devices",
                                       "cuda:1,cuda:0",
                                       "--learning-device",
                                       "cuda:2",
                                       "--generation-config",
                                       kSomeFile,
                                       "--chat-template",
                                       kSomeFile,
                                       "--prefix-cache",
                                       "off",
                                       "--max-in-flight",
                                       "11",
                                       "--background-share",
                                       "0.5",
                                       "--inter-token-ms",
                                       "40",
                                       "--dtype",
                                       "f32",
                                       "--threads",
                                       "3",
                                       "--kv-cache-mib",
                                       "64",
                                       "--step-tokens",
                                       "128",
                                       "--max-sequences",
                                       "9",
                                       "--metrics-signals",
                                       "7",
                                       "--max-message-mib",
                                       "16",
                                       "--reflection",
                                       "off",
                                       "--drain-seconds",
                                       "5",
                                       "--log-level",
                                       "debug",
                                       "--insecure-listen-anywhere"});
  ASSERT_TRUE(invocation.options.has_value()) << invocation.output;
  const ServerOptions& options = *invocation.options;
  EXPECT_EQ(options.runtime.state_directory, "s");
  EXPECT_THAT(options.runtime.devices, ElementsAre("cuda:1", "cuda:0"));
  EXPECT_EQ(options.runtime.learning_device, "cuda:2");
  EXPECT_EQ(options.runtime.generation_config_path, kSomeFile);
  EXPECT_EQ(options.runtime.chat_template_path, kSomeFile);
  EXPECT_FALSE(options.runtime.prefix_cache);
  EXPECT_EQ(options.runtime.max_in_flight, 11);
  EXPECT_EQ(options.runtime.background_share, 0.5);
  EXPECT_EQ(options.runtime.inter_token_ms, 40);
  EXPECT_EQ(options.runtime.dtype, "f32");
  EXPECT_EQ(options.runtime.threads, 3);
  EXPECT_EQ(options.runtime.kv_cache_mib, 64);
  EXPECT_EQ(options.runtime.step_tokens, 128);
  EXPECT_EQ(options.runtime.max_sequences, 9);
  EXPECT_EQ(options.listen, "unix:/x");
  EXPECT_EQ(options.metrics_listen, "off");
  EXPECT_EQ(options.metrics_signals, 7);
  EXPECT_EQ(options.max_message_mib, 16);
  EXPECT_EQ(options.drain_seconds, 5);
  EXPECT_EQ(options.log_level, "debug");
  EXPECT_FALSE(options.reflection);
  EXPECT_TRUE(options.insecure_listen_anywhere);
}

TEST(OptionsTest, PlainTextBeyondLoopbackMustBeAskedFor) {
  for (const char* address : {"0.0.0.0:7070", "[::]:7070", "10.0.0.3:7070", "steer.example:7070"}) {
    const Invocation refused = Parse({"--listen", address});
    EXPECT_FALSE(refused.options.has_value()) << address;
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_THAT(refused.output, HasSubstr("--insecure-listen-anywhere"));
    EXPECT_THAT(refused.output, HasSubstr(address));
    EXPECT_FALSE(Parse({"--metrics-listen", address}).options.has_value()) << address;
    EXPECT_TRUE(Parse({"--listen", address, "--insecure-listen-anywhere"}).options.has_value());
  }
  for (const char* address : {"127.0.0.1:0", "localhost:1", "[::1]:7", "unix:/tmp/steerd.sock"}) {
    EXPECT_TRUE(Parse({"--listen", address}).options.has_value()) << address;
  }
}

TEST(OptionsTest, AHostThatOnlyLooksLocalIsNot) {
  EXPECT_FALSE(IsLocalAddress("127.example.com:7070"));
  EXPECT_FALSE(IsLocalAddress("localhost.example.com:7070"));
  EXPECT_FALSE(IsLocalAddress(":7070"));
  EXPECT_FALSE(IsLocalAddress(""));
}

TEST(OptionsTest, BadFlagsLeaveWithTwoAndSayWhy) {
  for (const std::vector<const char*>& flags :
       std::vector<std::vector<const char*>>{{"--dtype", "f16"},
                                             {"--threads", "-1"},
                                             {"--kv-cache-mib", "-1"},
                                             {"--prefix-cache", "perhaps"},
                                             {"--max-in-flight", "0"},
                                             {"--background-share", "0"},
                                             {"--background-share", "1"},
                                             {"--background-share", "nan"},
                                             {"--inter-token-ms", "-1"},
                                             {"--generation-config", "/no/such/file"},
                                             {"--device", "cpu:0"},
                                             {"--reflection", "maybe"},
                                             {"--no-such-flag"}}) {
    const Invocation invocation = Parse(flags);
    EXPECT_FALSE(invocation.options.has_value()) << flags[0];
    EXPECT_EQ(invocation.exit_code, 2);
    EXPECT_THAT(invocation.output, HasSubstr(flags[0]));
  }
  const char* const no_model[] = {"steerd"};
  EXPECT_THAT(ParseCommandLine(1, no_model).output, HasSubstr("--model"));
}

TEST(OptionsTest, HelpAndVersionLeaveWithZero) {
  const Invocation help = Parse({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.output, HasSubstr("--drain-seconds"));
  const Invocation version = Parse({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.output, HasSubstr("steerd "));
}

}  // namespace
}  // namespace steer
