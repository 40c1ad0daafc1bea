"""Who may include whom: the includes of the sources compared with the link lists of the CMakeLists.txt files.

The link lists are the one truth about folders. What no link list can say is written below: the direction of the big parts,
and that libtorch stays behind headers that do not show it.
"""

import pathlib
import re

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.MULTILINE)
COMMAND = re.compile(r"(\w+)\s*\(([^()]*)\)")
TORCH = ("ATen/", "torch/", "c10/", "caffe2/")
# Headers by the part that alone may see them. core/ must build on machines without them.
ONLY_SERVER_AND_CLIENT = ("grpc/", "grpcpp/", "google/protobuf/", "steer/v1/", "prometheus/", "CLI/")
FOREIGN = ONLY_SERVER_AND_CLIENT + TORCH + ("absl/", "gtest/", "gmock/", "nlohmann/", "spdlog/", "openssl/", "benchmark/", "yaml-cpp/")
PARTS = ("core", "server", "client")
KEYWORDS = {"PUBLIC", "PRIVATE", "INTERFACE", "STATIC"}


class Target:
    """One library or program: its sources, its links, and the folder that declares it."""

    def __init__(self, folder):
        self.folder = folder
        self.sources = []
        self.links = set()

    @property
    def torch(self):
        return "libtorch::libtorch" in self.links


def source_files(folder):
    return sorted(path for path in folder.rglob("*") if path.suffix in (".h", ".cc") and not path.name.startswith("."))


def commands(path):
    text = re.sub(r"#.*", "", path.read_text())
    for name, arguments in COMMAND.findall(text):
        yield name, arguments.split()


def steer_library(folder, arguments):
    """As core/cmake/SteerTargets.cmake defines it."""
    target = Target(folder)
    target.sources = [path for path in source_files(folder) if path.suffix == ".cc"]
    section = None
    for word in arguments[1:]:
        if word == "TORCH":
            target.links.add("libtorch::libtorch")
        elif word in ("DEPS", "LIBS", "PRIVATE_LIBS"):
            section = word
        else:
            target.links.add(f"steer_{word}" if section == "DEPS" else word)
    return target


def read_targets(root):
    """Every target of core/, server/ and client/ by name."""
    targets = {}
    for part in PARTS:
        for path in sorted((root / part).rglob("CMakeLists.txt")):
            folder = path.parent
            for name, arguments in commands(path):
                if name == "steer_library":
                    targets[f"steer_{arguments[0]}"] = steer_library(folder, arguments)
                elif name == "steer_program":
                    target = Target(folder)
                    target.sources = [file for file in source_files(folder / arguments[0]) if file.suffix == ".cc"]
                    targets[f"steer_{arguments[0]}"] = target
                elif name in ("add_library", "add_executable") and "$" not in arguments[0]:
                    target = targets.setdefault(arguments[0], Target(folder))
                    words = [word for word in arguments[1:] if word not in KEYWORDS]
                    target.sources = [folder / word for word in words if word.endswith(".cc")]
                    if words == ["${sources}"]:
                        target.sources = [file for file in source_files(folder) if file.suffix == ".cc"]
                elif name == "target_link_libraries" and arguments[0] in targets:
                    targets[arguments[0]].links.update(word for word in arguments[1:] if word not in KEYWORDS)
    return targets


def folder_links(targets):
    """folder -> the folders whose headers it may include."""
    links = {}
    for target in targets.values():
        linked = links.setdefault(target.folder, set())
        linked.update(targets[name].folder for name in target.links if name in targets)
    return {folder: linked - {folder} for folder, linked in links.items()}


def cycles(links):
    """Folders that include themselves through others."""
    for start in links:
        seen, waiting = set(), list(links[start])
        while waiting:
            folder = waiting.pop()
            if folder == start:
                yield start
                break
            if folder not in seen:
                seen.add(folder)
                waiting.extend(links.get(folder, ()))


class Layering:
    """All checks on one tree; `violations` is a list of lines to show."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.targets = read_targets(self.root)
        self.links = folder_links(self.targets)
        self.folders = sorted(self.links, key=lambda folder: -len(folder.parts))
        self.includes = {}
        for part in PARTS:
            for path in source_files(self.root / part):
                self.includes[path] = [(quote == '"', name) for quote, name in INCLUDE.findall(path.read_text())]
        self.violations = []

    def show(self, path):
        return path.relative_to(self.root).as_posix()

    def report(self, path, text):
        self.violations.append(f"{self.show(path)}: {text}")

    def folder_of(self, path):
        return next((folder for folder in self.folders if folder in path.parents), None)

    def ours(self, path):
        """The project's own headers among the includes of a file."""
        return [self.root / name for quoted, name in self.includes.get(path, ()) if quoted and (self.root / name).is_file()]

    def has_torch(self, folder):
        return any(target.torch for target in self.targets.values() if target.folder == folder)

    def way_to_torch(self, path, seen):
        """The chain of includes by which a file sees libtorch; empty if it does not."""
        if path in seen:
            return []
        seen.add(path)
        for _, name in self.includes.get(path, ()):
            if name.startswith(TORCH):
                return [self.show(path), name]
        for header in self.ours(path):
            chain = self.way_to_torch(header, seen)
            if chain:
                return [self.show(path)] + chain
        return []

    def check_spelling(self, path):
        for quoted, name in self.includes[path]:
            if quoted and not (self.root / name).is_file() and not name.startswith(FOREIGN):
                self.report(path, f'includes "{name}", which is no path from the root')
        own = path.with_suffix(".h")
        if path.suffix == ".cc" and own.is_file():
            first = self.includes[path][0][1] if self.includes[path] else "nothing"
            if first != self.show(own):
                self.report(path, f"includes {first} first; its own header comes first")

    def allowed(self, folder, part):
        if part == "server":
            # The runtime carries all of core; the server sees it and the folders of values, never tensors.
            core = [other for other in self.links if self.root / "core" in other.parents]
            return {other for other in core if not self.has_torch(other)} | {folder, self.root / "core" / "runtime"}
        return self.links[folder] | {folder}

    def check_folders(self, path):
        folder, part = self.folder_of(path), path.relative_to(self.root).parts[0]
        if folder is None:
            self.report(path, "belongs to no target")
            return
        for header in self.ours(path):
            other = self.folder_of(header)
            if other is None:
                self.report(path, f"includes {self.show(header)}, which belongs to no target")
            elif other not in self.allowed(folder, part):
                self.report(path, f"includes {self.show(header)}, but {self.show(folder)} may not include {self.show(other)}")
        for _, name in self.includes[path]:
            if part == "core" and name.startswith(ONLY_SERVER_AND_CLIENT):
                self.report(path, f"includes {name}; core/ builds without it")
            if name.startswith(TORCH) and not self.has_torch(folder):
                self.report(path, f"includes {name}, but {self.show(folder)} does not link libtorch")

    def check_torch_stays_private(self):
        for name, target in sorted(self.targets.items()):
            for source in target.sources if not target.torch else ():
                chain = self.way_to_torch(source, set())
                if chain:
                    self.report(source, f"is in {name}, without libtorch, and sees it: {' -> '.join(chain)}")

    def check_directions(self):
        order = {"core": 0, "client": 1, "server": 1}
        part = lambda folder: folder.relative_to(self.root).parts[0]
        for folder, linked in self.links.items():
            for other in linked:
                if part(other) != part(folder) and order[part(other)] >= order[part(folder)]:
                    self.report(folder, f"links {self.show(other)}")
                if part(folder) == "client" and part(other) == "core" and other.name not in ("base", "files"):
                    self.report(folder, f"links {self.show(other)}; the client has base and files only")
        for folder in cycles(self.links):
            self.report(folder, "links itself through other folders")

    def check_protos(self):
        for path in sorted((self.root / "proto").rglob("*.proto")):
            for name in re.findall(r'^import\s+(?:public\s+)?"([^"]+)"', path.read_text(), re.MULTILINE):
                if not name.startswith(("steer/v1/", "google/protobuf/")):
                    self.report(path, f"imports {name}; the contract depends on nothing")

    def run(self):
        for path in self.includes:
            self.check_spelling(path)
            self.check_folders(path)
        self.check_torch_stays_private()
        self.check_directions()
        self.check_protos()
        return self.violations
