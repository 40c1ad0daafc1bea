"""The layers of the project hold, and each rule of layering.py can fail."""

import pathlib
import tempfile
import unittest

from layering import Layering

ROOT = pathlib.Path(__file__).resolve().parents[2]

# A small house that keeps every rule.
HOUSE = {
    "core/base/CMakeLists.txt": "steer_library(base LIBS absl::status)",
    "core/base/status.h": "#pragma once\n#include <string>\n#include \"absl/status/status.h\"\n",
    "core/base/status.cc": '#include "core/base/status.h"\n',
    "core/files/CMakeLists.txt": "steer_library(files DEPS base)",
    "core/files/gguf.h": '#pragma once\n#include "core/base/status.h"\n',
    "core/model/CMakeLists.txt": "steer_library(model TORCH DEPS base files)  # (tensors)",
    "core/model/decoder.h": '#pragma once\n#include "ATen/core/Tensor.h"\n',
    "core/model/decoder.cc": '#include "core/model/decoder.h"\n#include "core/files/gguf.h"\n',
    "core/runtime/CMakeLists.txt": "steer_library(runtime TORCH DEPS base files model)",
    "core/runtime/runtime.h": '#pragma once\n#include "core/base/status.h"\n',
    "core/runtime/runtime.cc": '#include "core/runtime/runtime.h"\n#include "core/model/decoder.h"\n',
    "server/CMakeLists.txt": "add_library(steer_server STATIC ${sources})\n"
                             "target_link_libraries(steer_server\n  PUBLIC steer_runtime gRPC::grpc++)\n",
    "server/convert.cc": '#include "core/base/status.h"\n#include "core/runtime/runtime.h"\n'
                         '#include "steer/v1/common.pb.h"\n',
    "client/CMakeLists.txt": "add_library(steer_client STATIC client.cc)\n"
                             "target_link_libraries(steer_client PUBLIC steer_base)\n",
    "client/client.h": '#pragma once\n#include "grpcpp/channel.h"\n',
    "client/client.cc": '#include "client/client.h"\n#include "core/base/status.h"\n',
    "proto/steer/v1/common.proto": 'import "google/protobuf/empty.proto";\n',
}


def violations(changes):
    """Of the small house with some files replaced or added."""
    with tempfile.TemporaryDirectory() as root:
        for name, text in (HOUSE | changes).items():
            path = pathlib.Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return Layering(root).run()


class LayeringTest(unittest.TestCase):

    def test_the_project_keeps_its_layers(self):
        layering = Layering(ROOT)
        self.assertGreater(len(layering.includes), 50)
        found = layering.run()
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_every_source_belongs_to_a_target(self):
        layering = Layering(ROOT)
        built = {source for target in layering.targets.values() for source in target.sources}
        self.assertEqual([str(path) for path in layering.includes if path.suffix == ".cc" and path not in built], [])

    def test_the_small_house_is_clean(self):
        self.assertEqual(violations({}), [])

    def planted(self, words, name, text):
        found = violations({name: text})
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])

    def test_an_include_without_a_link(self):
        self.planted("core/base may not include core/files", "core/base/extra.h",
                     '#pragma once\n#include "core/files/gguf.h"\n')

    def test_a_circle(self):
        found = violations({"core/base/CMakeLists.txt": "steer_library(base DEPS files)"})
        self.assertEqual({line.split(":")[0] for line in found}, {"core/base", "core/files"})
        self.assertIn("links itself", found[0])

    def test_torch_in_a_folder_without_it(self):
        found = violations({"core/files/gguf.cc": '#include "core/files/gguf.h"\n#include "torch/torch.h"\n'})
        self.assertEqual(len(found), 2, found)
        self.assertIn("core/files does not link libtorch", found[0])

    def test_a_server_that_sees_tensors(self):
        self.planted("server may not include core/model", "server/loose.h",
                     '#pragma once\n#include "core/model/decoder.h"\n')

    def test_a_door_that_shows_tensors(self):
        self.planted("server/convert.cc -> core/runtime/runtime.h -> core/model/decoder.h -> ATen", "core/runtime/runtime.h",
                     '#pragma once\n#include "core/model/decoder.h"\n')

    def test_a_client_that_reaches_too_far(self):
        self.planted("base and files only", "client/CMakeLists.txt",
                     "add_library(steer_client STATIC client.cc)\n"
                     "target_link_libraries(steer_client PUBLIC steer_base steer_runtime)")

    def test_a_core_that_sees_protobuf(self):
        self.planted("core/ builds without it", "core/base/wire.h",
                     '#pragma once\n#include "google/protobuf/message.h"\n')

    def test_a_core_that_links_the_server(self):
        self.planted("links client", "core/files/CMakeLists.txt", "steer_library(files DEPS base client)")

    def test_an_include_that_is_no_path_from_the_root(self):
        self.planted("no path from the root", "core/base/extra.h",
                     '#pragma once\n#include "status.h"\n')

    def test_an_own_header_that_is_not_first(self):
        self.planted("own header comes first", "core/base/status.cc",
                     '#include <string>\n#include "core/base/status.h"\n')

    def test_a_proto_that_depends_on_something(self):
        self.planted("depends on nothing", "proto/steer/v1/x.proto",
                     'import "google/rpc/status.proto";\n')


if __name__ == "__main__":
    unittest.main()
