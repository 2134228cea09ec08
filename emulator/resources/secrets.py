"""Generated passwords and their rotation."""

from __future__ import annotations

import json

from emulator.cloudformation import Create, Made, Properties, again, boolean, client, nothing, register, repair

_NUMBERS = ("PasswordLength",)
_TEXTS = ("ExcludeCharacters",)
_FLAGS = (
    "ExcludeLowercase",
    "ExcludeNumbers",
    "ExcludePunctuation",
    "ExcludeUppercase",
    "IncludeSpace",
    "RequireEachIncludedType",
)


def install() -> None:
    """Add and repair the types."""
    repair("AWS::SecretsManager::Secret", _generated_as_asked)
    register("AWS::SecretsManager::RotationSchedule", _rotation, nothing, again(_rotation))


def _generated_as_asked(create: Create) -> Create:
    """MiniStack's templates ignore what a generated password must not have; its API does not."""

    def repaired(name: str, properties: Properties, stack: str) -> Made:
        asked = properties.get("GenerateSecretString")
        if not asked:
            return _by_arn(create(name, properties, stack))
        options: dict[str, object] = {key: int(asked[key]) for key in _NUMBERS if key in asked}
        options |= {key: asked[key] for key in _TEXTS if key in asked}
        options |= {key: boolean(asked[key]) for key in _FLAGS if key in asked}
        value = client("secretsmanager").get_random_password(**options)["RandomPassword"]
        if asked.get("GenerateStringKey"):
            value = json.dumps({**json.loads(asked["SecretStringTemplate"]), asked["GenerateStringKey"]: value})
        rest = {key: value for key, value in properties.items() if key != "GenerateSecretString"}
        return _by_arn(create(name, {**rest, "SecretString": value}, stack))

    return repaired


def _by_arn(made: Made) -> Made:
    """`Ref` of a secret is its ARN, where MiniStack gives its name."""
    arn = client("secretsmanager").describe_secret(SecretId=made[0])["ARN"]
    return arn, {**made[1], "Id": arn}


def _rotation(_name: str, properties: Properties, _stack: str) -> Made:
    rules = dict(properties.get("RotationRules") or {})
    if "AutomaticallyAfterDays" in rules:
        rules["AutomaticallyAfterDays"] = int(rules["AutomaticallyAfterDays"])
    client("secretsmanager").rotate_secret(
        SecretId=properties["SecretId"],
        RotationLambdaARN=properties["RotationLambdaARN"],
        RotationRules=rules,
        RotateImmediately=boolean(properties.get("RotateImmediatelyOnUpdate", True)),
    )
    return properties["SecretId"], {"Id": properties["SecretId"]}
