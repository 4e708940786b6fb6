"""Tests of the layer: reproducible, small and complete."""

import hashlib
import importlib.util
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import ResponseParserError, ResponseParserFactory
from botocore.regions import EndpointResolver

import trim_botocore
from local.environments import ROOT
from local.process_environment import isolated_environment
from pip_settings import package_sources
from task_reporter.kinds.table import KINDS

BUILD = ROOT / "layers" / "core" / "build.py"
BOTOCORE = Path(botocore.__file__).parent
THIS = f"python{sys.version_info.major}.{sys.version_info.minor}"
OTHER = "python3.99"
CALLED = {
    "dynamodb": ["BatchGetItem", "PutItem", "Query", "TransactWriteItems", "UpdateItem"],
    "ec2": ["DescribeRegions", *(kind.operation for kind in KINDS.values())],
    "events": ["DescribeEventBus", "PutEvents"],
    "organizations": ["ListAccounts", "ListAccountsForParent", "ListOrganizationalUnitsForParent"],
    "sns": ["GetTopicAttributes", "Publish"],
    "sqs": ["SendMessageBatch"],
    "sts": ["AssumeRole"],
}


def build(folder: Path, **pip: str) -> Path:
    """Build the layer for this interpreter; ``pip`` are environment variables for pip."""
    folder.mkdir(parents=True)
    command = [sys.executable, str(BUILD), str(folder), "--runtime", THIS]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=isolated_environment() | pip)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="session")
def layers(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two builds. The settings of the second make pip print warnings."""
    folder = tmp_path_factory.mktemp("layers")
    missing = f"{package_sources(sys.executable).get('find-links', '')} {folder / 'no-wheels'}"
    with ThreadPoolExecutor() as pool:
        first = pool.submit(build, folder / "one")
        long_path = folder / "another" / "with a longer path"
        second = pool.submit(build, long_path, PIP_FIND_LINKS=missing, PIP_VERBOSE="1")
        return [first.result(), second.result()]


@pytest.fixture(scope="session")
def layer(layers: list[Path]) -> Path:
    return layers[0]


@pytest.fixture(scope="session")
def library(layer: Path) -> Path:
    """Return the folder that Lambda adds to sys.path."""
    return layer / "python"


def python(*arguments: str, **options: Any) -> str:
    """Run this interpreter without bytecode of its own; return its output."""
    command = [sys.executable, "-B", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout


ISOLATED = ("-I", "-S")
"""Options of an interpreter without other packages."""


def contents(folder: Path) -> dict[str, tuple[int, float, str]]:
    """Path → mode, time and content of everything in ``folder``, itself too."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mode,
            path.stat().st_mtime,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in [folder, *folder.rglob("*")]
    }


def test_two_builds_are_the_same_byte_for_byte(layers: list[Path]) -> None:
    first, second = map(contents, layers)
    assert first.keys() == second.keys()
    assert {path for path in first if first[path] != second[path]} == set()


def test_every_file_is_readable_and_has_a_fixed_time(layer: Path) -> None:
    for path, (mode, time, _) in contents(layer).items():
        assert (time, path == "." or mode & 0o004) == (315_532_800, path == "." or 0o004), path


# What is in it


def test_every_module_comes_with_bytecode_of_the_runtime(library: Path) -> None:
    tag = sys.implementation.cache_tag
    modules = {str(path.relative_to(library)) for path in library.rglob("*.py")}
    compiled = {
        str((path.parent.parent / path.name.removesuffix(f".{tag}.pyc")).relative_to(library)) + ".py"
        for path in library.rglob("*.pyc")
    }
    assert modules == compiled
    assert all(path.name.endswith(f".{tag}.pyc") for path in library.rglob("*.pyc"))


def test_bytecode_is_unchecked_and_contains_lambdas_paths(library: Path) -> None:
    for path in library.rglob("*.pyc"):
        head = path.read_bytes()[:8]
        assert head[:4] == MAGIC_NUMBER, path
        assert int.from_bytes(head[4:], "little") == 0b01, f"{path}: a hash that nobody checks"
    (table,) = library.glob("task_reporter/history/__pycache__/table.*.pyc")
    assert b"/opt/python/task_reporter/history/table.py" in table.read_bytes()
    assert not [path for path in library.rglob("*.pyc") if str(library).encode() in path.read_bytes()]


def test_bytecode_holds_no_docstrings(library: Path) -> None:
    """Every cold start would load them into memory."""
    documented = "import botocore.session as a, task_reporter.history.table as b; print(a.__doc__, b.__doc__)"
    code = f"import sys; sys.path.append({str(library)!r}); {documented}, print(a.Session.__doc__)"
    assert python(*ISOLATED, "-c", code) == "None None\nNone\n"


def test_a_module_that_cannot_be_compiled_stops_the_build(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "module.py").write_text("answer = = 42\n")
    with pytest.raises(subprocess.CalledProcessError):
        builder().compile_bytecode(tmp_path, THIS)
    assert "/opt/module.py" in capfd.readouterr().err


def test_a_missing_runtime_gets_a_warning_and_no_bytecode(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "module.py").write_text("answer = 42\n")
    builder().compile_bytecode(tmp_path, OTHER)
    assert list(tmp_path.rglob("*.pyc")) == []
    assert capfd.readouterr().out.startswith(f"WARNING: no {OTHER} was found, so the layer ships without bytecode: ")


def test_the_package_knows_whether_it_came_with_bytecode(library: Path, tmp_path: Path) -> None:
    code = "import sys; sys.path.append(sys.argv[1]); import task_reporter.recording.roster as roster"
    without = tmp_path / "without"
    shutil.copytree(library, without, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, *ISOLATED, "-c", f"{code}; print(roster.runtime_without_bytecode())"]
    # At the second start Python has written bytecode of its own, where it may.
    results = [subprocess.check_output([*command, str(folder)], text=True) for folder in (library, without, without)]
    assert results == ["None\n", f"{THIS}\n", f"{THIS}\n"]


def builder() -> Any:
    """Import the script as a module."""
    spec = importlib.util.spec_from_file_location("build_of_the_layer", BUILD)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_layer_contains_the_models_of_its_services(library: Path) -> None:
    data = library / "botocore" / "data"
    assert {path.name for path in data.iterdir() if path.is_dir()} == set(CALLED)
    assert {path.name for path in data.iterdir() if path.is_file()} >= {"endpoints.json", "_retry.json"}


@pytest.mark.parametrize("service", CALLED)
def test_every_called_operation_is_in_its_model(library: Path, service: str) -> None:
    models = load_models(service, library / "botocore" / "data")
    for name in CALLED[service]:
        trimmed, full = (model.operation_model(name) for model in models)
        assert shape(trimmed.input_shape) == shape(full.input_shape)
        assert shape(trimmed.output_shape) == shape(full.output_shape), "a parser ignores what is not in the model"


def load_models(service: str, data: Path) -> tuple[ServiceModel, ServiceModel]:
    """Return a service's model in the layer and in botocore."""
    trimmed = Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
    return tuple(
        ServiceModel(loader.load_service_model(service, "service-2"), service) for loader in (trimmed, Loader())
    )


ANSWERS = sorted((ROOT / "events" / "ec2").iterdir())


@pytest.mark.parametrize("answer", ANSWERS, ids=[path.stem for path in ANSWERS])
def test_the_trimmed_model_parses_answers_like_the_full_one(library: Path, answer: Path) -> None:
    parsed = [
        parse(model.operation_model("DescribeBundleTasks"), answer.read_bytes())
        for model in load_models("ec2", library / "botocore" / "data")
    ]
    assert parsed[0] == parsed[1]


def parse(operation: OperationModel, body: bytes) -> Any:
    """Parse a response with the settings of the functions' clients."""
    answer = {"body": body, "headers": {}, "status_code": 200}
    factory = ResponseParserFactory()
    factory.set_parser_defaults(timestamp_parser=str, blob_parser=str)
    try:
        return factory.create_parser("ec2").parse(answer, operation.output_shape)
    except ResponseParserError as error:
        return type(error)


@pytest.mark.parametrize("service", CALLED)
@pytest.mark.parametrize("region", ["eu-west-1", "us-gov-west-1", "cn-north-1", "eusc-de-east-1", "xy-unknown-1"])
def test_the_trimmed_endpoints_equal_the_full_ones(library: Path, service: str, region: str) -> None:
    data = library / "botocore" / "data"
    trimmed, full = (json.loads((folder / "endpoints.json").read_text()) for folder in (data, BOTOCORE / "data"))
    assert EndpointResolver(trimmed).construct_endpoint(service, region) == EndpointResolver(full).construct_endpoint(
        service, region
    )


def test_an_unknown_operation_stops_the_build(tmp_path: Path) -> None:
    model = tmp_path / "sns" / "2010-03-31" / "service-2.json"
    model.parent.mkdir(parents=True)
    model.write_text('{"operations": {}, "shapes": {}}')
    with pytest.raises(KeyError, match="Publish"):
        trim_botocore.trim_data(tmp_path, {"sns": ["Publish"]})


def test_the_models_contain_no_documentation(library: Path) -> None:
    models = (library / "botocore" / "data").glob("*/*/service-2.json")
    assert not any('"documentation":"' in model.read_text() for model in models)


@pytest.mark.parametrize("service", CALLED)
def test_no_operation_has_endpoint_parameters(library: Path, service: str) -> None:
    """botocore would go through all writes of a transaction for that, before each one."""
    trimmed, _ = load_models(service, library / "botocore" / "data")
    assert [name for name in CALLED[service] if trimmed.operation_model(name).operation_context_parameters] == []


@pytest.mark.parametrize("account", [None, "123456789012"])
def test_a_table_name_does_not_change_the_endpoint(account: str | None) -> None:
    """An ARN would, because it contains an account, which has its own endpoint."""
    rules, partitions = Loader().load_service_model("dynamodb", "endpoint-rule-set-1"), Loader().load_data("partitions")
    settings = {"Region": "eu-west-1", "UseFIPS": False, "UseDualStack": False, "AccountIdEndpointMode": "preferred"}
    settings |= {"AccountId": account} if account else {}
    arn = "arn:aws:dynamodb:eu-west-1:210987654321:table/history"
    without_parameter, by_name, by_arn = (
        EndpointProvider(rules, partitions).resolve_endpoint(**settings, **parameters).url
        for parameters in ({}, {"ResourceArnList": ["history"] * 2}, {"ResourceArnList": [arn]})
    )
    assert without_parameter == by_name != by_arn


def shape(model: Any, above: tuple[str, ...] = ()) -> Any:
    """Return a shape with all shapes inside it."""
    if model is None or model.name in above:
        return model and model.name
    parts = {part: getattr(model, part) for part in ("member", "key", "value") if hasattr(model, part)}
    inside = model.members if model.type_name == "structure" else parts
    below = {name: shape(inner, (*above, model.name)) for name, inner in inside.items()}
    return model.type_name, model.serialization, below


def test_the_layer_contains_the_unchanged_package(library: Path) -> None:
    source = BUILD.parent / "task_reporter"
    sources = {path.relative_to(source): path.read_bytes() for path in source.rglob("*.py")}
    assert {name: (library / "task_reporter" / name).read_bytes() for name in sources} == sources
    shipped = (library / "task_reporter").rglob("*.py")
    assert {path.relative_to(library / "task_reporter") for path in shipped} == sources.keys()


def test_the_layer_contains_no_development_files_or_binaries(library: Path) -> None:
    unwanted = ("*.pyi", "py.typed", "RECORD", "tests", "*.so", "*.dylib", "*.pyd")
    assert [path for pattern in unwanted for path in library.rglob(pattern)] == []
    assert not (library / "bin").exists()
    assert not (library / "boto3" / "data").exists()


def test_unused_files_of_dependencies_are_removed(tmp_path: Path) -> None:
    powertools = "aws_lambda_powertools"
    used_files = ["lib/module.py", "lib.dist-info/METADATA", "lib.dist-info/licenses/LICENSE"]
    used_files += [f"{powertools}/utilities/{name}" for name in ("__init__.py", "jmespath_utils/__init__.py")]
    unused_files = ["bin/lib", "lib/module.pyi", "lib/py.typed", "lib.dist-info/RECORD", "lib.dist-info/INSTALLER"]
    unused_files += [f"{powertools}/utilities/parser/__init__.py", f"{powertools}/event_handler/app.py"]
    for name in [*used_files, *unused_files, "lib/__pycache__/module.pyc"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    builder().remove_unused_files(tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == sorted(
        used_files
    )


def test_every_dependency_keeps_its_metadata_and_licence(library: Path) -> None:
    pinned = dict(re.findall(r"^([\w.-]+)==([\w.]+)", (BUILD.parent / "requirements.txt").read_text(), re.MULTILINE))
    shipped = {}
    for folder in library.glob("*.dist-info"):
        metadata = (folder / "METADATA").read_text()
        name, version = (re.findall(rf"^{field}: (.*)$", metadata, re.MULTILINE)[0] for field in ("Name", "Version"))
        shipped[name.lower().replace("_", "-")] = version
        assert [path for path in folder.rglob("*") if "LICENSE" in path.name.upper()], f"{name} has no licence"
    assert shipped == {name: version for name, version in pinned.items() if name != "s3transfer"}


def test_the_layer_is_small_enough_for_a_fast_cold_start(library: Path) -> None:
    """All of boto3 would be 37 MB, and 18 MB as a zip file."""
    assert sum(path.stat().st_size for path in library.rglob("*") if path.is_file()) < 10 * 1024 * 1024
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in library.rglob("*"):
            archive.write(path, path.relative_to(library))
    assert len(packed.getvalue()) < 2_500_000


# Whether it is enough

START = """
import importlib.util, json, sys
library, functions = sys.argv[1], sys.argv[2:]
sys.path.append(library)
handlers = []
for path in functions:
    spec = importlib.util.spec_from_file_location("app", path)
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    handlers.append(callable(app.handler))
from task_reporter.aws import clients
from botocore import xform_name
import task_reporter.organization.batch  # the recorder of a hub imports these two when it needs them
import task_reporter.organization.hub
called = json.load(sys.stdin)
for service, operations in called.items():
    client = clients.client(service, region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
    for operation in operations:
        assert callable(getattr(client, xform_name(operation))), operation
elsewhere = sorted(
    name for name, module in sys.modules.items()
    if getattr(module, "__file__", None) and "site-packages" in module.__file__
)
print(json.dumps({"handlers": handlers, "elsewhere": elsewhere}))
"""


def test_the_layer_is_sufficient_for_all_handlers(library: Path) -> None:
    """Without other packages, and without the variables that Lambda sets."""
    functions = sorted(str(path) for path in (ROOT / "functions").glob("*/app.py"))
    assert len(functions) == 3
    arguments = [*ISOLATED, "-W", "error", "-c", START, str(library), *functions]
    output = python(*arguments, input=json.dumps(CALLED), env={"PATH": "/usr/bin:/bin"})
    assert json.loads(output) == {"handlers": [True, True, True], "elsewhere": []}


ASK = """
import json, sys
sys.path[:0] = sys.argv[1:]
from task_reporter.aws import clients

class Seen(Exception):
    pass

def see(request, **_):
    raise Seen(request.url, request.headers["Authorization"].decode().split(",")[0].partition("/")[2])

def asked(service, region, operation, arguments):
    client = clients.client(service, region_name=region)
    client.meta.events.register("before-send", see)
    try:
        getattr(client, operation)(**arguments)
    except Seen as seen:
        return seen.args

requests = {
    "dynamodb": ("transact_write_items", {"TransactItems": [{"Put": {"TableName": "t", "Item": {"id": {"S": "1"}}}}]}),
    "ec2": ("describe_bundle_tasks", {}),
    "sns": ("get_topic_attributes", {"TopicArn": "arn:aws:sns:eu-west-1:123456789012:t"}),
}
regions = ["eu-west-1", "us-gov-west-1", "cn-north-1", "us-iso-east-1", "eusc-de-east-1", "xy-unknown-1"]
seen = {region: {name: asked(name, region, *request) for name, request in requests.items()} for region in regions}
print(json.dumps(seen))
"""


SETTINGS: list[dict[str, str]] = [
    {}, {"AWS_USE_FIPS_ENDPOINT": "true"}, {"AWS_USE_DUALSTACK_ENDPOINT": "true"}, {"AWS_ACCOUNT_ID": "123456789012"},
    {"AWS_ENDPOINT_URL_SNS": "http://localhost:4566"},
]  # fmt: skip


@pytest.mark.parametrize("settings", SETTINGS, ids=" ".join)
def test_the_layer_sends_requests_like_the_full_botocore(library: Path, settings: dict[str, str]) -> None:
    """Compare endpoints and signatures in every partition, for each kind of endpoint."""
    environment = {"PATH": "/usr/bin:/bin", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"} | settings
    trimmed = python(*ISOLATED, "-c", ASK, str(library), env=environment)
    full = python("-c", ASK, env=environment)
    assert trimmed == full
    assert all(all(requests.values()) for requests in json.loads(trimmed).values())
