"""Registers a vector, generates plain and steered, and scores, knowing only the protos.

Needs grpcio and grpcio-tools. Usage: python client/python/example.py [HOST:PORT]
"""
import glob, hashlib, json, pathlib, random, struct, sys, tempfile
import grpc
from grpc_tools import protoc

PROTOS = pathlib.Path(__file__).resolve().parents[2] / "proto"
stubs = tempfile.TemporaryDirectory()
protoc.main(["protoc", f"-I{PROTOS}", f"--python_out={stubs.name}", f"--grpc_python_out={stubs.name}",
             *glob.glob(f"{PROTOS}/steer/v1/*.proto")])
sys.path.insert(0, stubs.name)
from steer.v1 import analysis_pb2, analysis_pb2_grpc, common_pb2, generation_pb2, generation_pb2_grpc
from steer.v1 import model_pb2, model_pb2_grpc, signal_pb2, signal_pb2_grpc


def vector_file(site, values):
    """A safetensors file: length of the header, the header, little-endian floats."""
    header = json.dumps({"__metadata__": {"format": "control-signal/1", "kind": "vector"}, f"{site}.v": {
        "dtype": "F32", "shape": [len(values)], "data_offsets": [0, 4 * len(values)]}}).encode()
    return struct.pack("<Q", len(header)) + header + struct.pack(f"<{len(values)}f", *values)


def run(address):
    channel = grpc.insecure_channel(address, [("grpc.enable_http_proxy", 0)])
    model = model_pb2_grpc.ModelServiceStub(channel).GetModel(model_pb2.GetModelRequest())
    rng = random.Random(0)
    file = vector_file(f"layers.{model.layers // 2}.block_out", [rng.gauss(0, 1) for _ in range(model.hidden)])
    header = signal_pb2.RegisterSignalHeader(
        format="native", size=len(file), sha256=hashlib.sha256(file).hexdigest(), alias="python-example")
    response = signal_pb2_grpc.SignalServiceStub(channel).RegisterSignal(iter([
        signal_pb2.RegisterSignalRequest(header=header), signal_pb2.RegisterSignalRequest(chunk=file)]))
    result = {"signal": response.signal.id}

    prompt = common_pb2.Prompt(text=b"The best way to boil an egg is")
    steering = common_pb2.Control(signal="python-example", multiplier=4)
    for name, controls in (("plain", []), ("steered", [steering])):
        events = list(generation_pb2_grpc.GenerationServiceStub(channel).Generate(generation_pb2.GenerateRequest(
            prompt=prompt, sampling=generation_pb2.Sampling(temperature=0, max_tokens=32), controls=controls)))
        result[name] = b"".join(event.tokens.text for event in events).decode()
        result[f"{name}_receipt"] = events[-1].finished.receipt

    pair = analysis_pb2.PolarPair(question=b"How are you?", positive=b"Very well!", negative=b"Awful.")
    answers = analysis_pb2_grpc.AnalysisServiceStub(channel).Score(
        analysis_pb2.ScoreRequest(pairs=[pair], controls=[steering], multipliers=[-1, 0, 1]))
    result["points"] = [answer.point for answer in answers if answer.HasField("point")]
    return result


if __name__ == "__main__":
    result = run(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:7070")
    print(f"signal {result['signal']}\nplain: {result['plain']!r}\nsteered: {result['steered']!r}")
    for point in result["points"]:
        print(f"multiplier {point.multiplier:+g}: preference {point.mean.preference:+.4f}")
