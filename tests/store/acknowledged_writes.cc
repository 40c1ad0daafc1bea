// Writes to a store and says on stdout, after each call, how it ended. Tests watch its system calls
// and stop it in the middle.
//
//   steer_store_acknowledged_writes DIRECTORY
//
// One line a call: "<call> OK", or "<call> <code>: <message>" for an error. Lines leave through
// writev, so that a test can break every write(2) without breaking them.

#include <sys/uio.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "core/store/signal_store.h"
#include "tests/store/test_curves.h"
#include "tests/store/test_signals.h"

namespace {

void Acknowledge(const std::string& call, const absl::Status& status) {
  std::string line = call + " " + (status.ok() ? "OK" : status.ToString()) + "\n";
  const iovec part{line.data(), line.size()};
  if (writev(STDOUT_FILENO, &part, 1) != static_cast<ssize_t>(line.size())) std::perror("stdout");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const absl::StatusOr<std::unique_ptr<steer::SignalStore>> opened =
      steer::OpenSqliteStore(argv[1]);
  Acknowledge("open", opened.status());
  if (!opened.ok()) return 1;
  steer::SignalStore& store = **opened;
  const steer::SignalData first = steer::VectorSignal(1);
  const steer::SignalData second = steer::VectorSignal(2);
  Acknowledge("put-1", store.Put(first, {}, "").status());
  Acknowledge("alias-1", store.SetAlias("a", SignalId(first), std::nullopt).status());
  Acknowledge("curve-1", store.PutCurve(steer::TestCurve(SignalId(first))).status());
  Acknowledge("put-2", store.Put(second, {}, "").status());
  Acknowledge("curve-2", store.PutCurve(steer::TestCurve(SignalId(second))).status());
  Acknowledge("alias-2", store.SetAlias("a", SignalId(second), std::nullopt).status());
  Acknowledge("delete-1", store.Delete(SignalId(first), false));
  return 0;
}
