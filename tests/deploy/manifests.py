"""Checks the files in `deploy/` for engines that run containers. `cargo xtask cluster` installs the requirements and
runs

    manifests.py DEPLOY

Validates, strictly, the Kubernetes manifest against the schema of every version from 1.29 on, and the AWS Batch job
definition and the S3 lifecycle against the shapes of their requests. Prints a JSON object with `versions` (of
Kubernetes), `workers`, `scratch` (the writable folder), and the `arguments` and `environment` of `kubernetes` and of
`batch`.
"""
import copy
import json
import sys
from pathlib import Path

import botocore.session
import botocore.validate
import kubernetes_validate
import yaml
from kubernetes_validate.utils import all_versions

FIRST_VERSION = (1, 29)


def fail(message):
    sys.exit(f"{sys.argv[0]}: {message}")


def kubernetes_faults(manifest):
    """Returns the first fault that each version's schema finds, and the versions."""
    versions = sorted({version for version in all_versions() if number(version) >= FIRST_VERSION}, key=number)
    faults = []
    for version in versions:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            faults.append(f"{version}: {'.'.join(map(str, error.path))}: {error.message}")
    return faults, versions


def number(version):
    return tuple(int(part) for part in version.split(".")[:2])


def amazon_faults(service, operation, request):
    shape = botocore.session.Session().get_service_model(service).operation_model(operation).input_shape
    report = botocore.validate.ParamValidator().validate(request, shape)
    return report.generate_report() if report.has_errors() else ""


def batch_faults(definition):
    return amazon_faults("batch", "RegisterJobDefinition", definition)


def lifecycle_faults(lifecycle):
    request = {"Bucket": "features", "LifecycleConfiguration": lifecycle}
    return amazon_faults("s3", "PutBucketLifecycleConfiguration", request)


def misspelt(document, path):
    """Returns a copy of `document` in which the key at `path` lacks its last letter."""
    changed = copy.deepcopy(document)
    inner = changed
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1][:-1]] = inner.pop(path[-1])
    return changed


def image(text):
    """Returns the user and the volume that the last lines of the Containerfile set."""
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    last = {line[0]: line[1] for line in lines if len(line) == 2}
    if json.loads(last["ENTRYPOINT"]) != ["permafrost"]:
        fail("the image's entry point is not the program")
    [scratch] = json.loads(last["VOLUME"])
    return last["USER"], scratch


def of_kubernetes(manifest, user, scratch):
    pod = manifest["spec"]["template"]["spec"]
    [container] = pod["containers"]
    [mount] = container["volumeMounts"]
    runs_as = "{runAsUser}:{runAsGroup}".format(**pod["securityContext"])
    if (mount["mountPath"], runs_as) != (scratch, user) or "command" in container:
        fail("the manifest of Kubernetes has another user, volume or program than the image")
    return {
        "arguments": container["args"],
        "environment": {entry["name"]: entry["value"] for entry in container["env"]},
    }


def of_batch(definition, user, scratch):
    container = definition["containerProperties"]
    [mount] = container["mountPoints"]
    if (mount["containerPath"], container["user"]) != (scratch, user):
        fail("the job definition of AWS Batch has another user or volume than the image")
    environment = {entry["name"]: entry["value"] for entry in container["environment"]}
    # AWS reserves these names.
    if protected := [name for name in environment if name.startswith("AWS_BATCH")]:
        fail(f"the job definition of AWS Batch sets {protected}")
    unused = set(definition["parameters"])
    arguments = []
    for word in container["command"]:
        if word.startswith("Ref::"):
            name = word.removeprefix("Ref::")
            unused.discard(name)
            word = definition["parameters"][name]
        arguments.append(word)
    if unused:
        fail(f"the job definition of AWS Batch has parameters without use: {unused}")
    return {"arguments": arguments, "environment": environment}


def main():
    deploy = Path(sys.argv[1])
    manifest = yaml.safe_load((deploy / "kubernetes.yaml").read_text())
    definition = json.loads((deploy / "aws-batch.json").read_text())

    faults, versions = kubernetes_faults(manifest)
    if faults:
        fail("the manifest of Kubernetes is not valid:\n" + "\n".join(faults))
    if faults := batch_faults(definition):
        fail(f"the job definition of AWS Batch is not valid:\n{faults}")
    lifecycle = json.loads((deploy / "s3-lifecycle.json").read_text())
    if faults := lifecycle_faults(lifecycle):
        fail(f"the lifecycle of S3 is not valid:\n{faults}")
    # Validators that accept misspelled keys would prove nothing.
    for path in [
        ["spec", "backoffLimitPerIndex"],
        ["spec", "template", "spec", "restartPolicy"],
        ["spec", "template", "spec", "containers", 0, "resources", "limits"],
        ["spec", "podFailurePolicy", "rules", 0, "onPodConditions"],
    ]:
        if len(kubernetes_faults(misspelt(manifest, path))[0]) != len(versions):
            fail(f"a misspelt {path} passes as valid")
    for path in [["retryStrategy", "attempts"], ["containerProperties", "readonlyRootFilesystem"]]:
        if not batch_faults(misspelt(definition, path)):
            fail(f"a misspelt {path} passes as valid")
    path = ["Rules", 0, "AbortIncompleteMultipartUpload", "DaysAfterInitiation"]
    if not lifecycle_faults(misspelt(lifecycle, path)):
        fail(f"a misspelt {path} passes as valid")

    user, scratch = image((deploy / "Containerfile").read_text())
    print(json.dumps({
        "versions": versions,
        "workers": manifest["spec"]["completions"],
        "scratch": scratch,
        "kubernetes": of_kubernetes(manifest, user, scratch),
        "batch": of_batch(definition, user, scratch),
    }))


main()
