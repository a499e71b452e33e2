"""cluster.yaml and its CloudFormation stack in an account that moto plays: Ray's launcher uses the
stack's security group and profiles, and the head's role may start and end workers."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core import set_initial_no_auth_action_count
from ray.autoscaler._private.aws.config import bootstrap_aws
from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
from ray.autoscaler.tags import TAG_RAY_NODE_KIND, TAG_RAY_NODE_NAME

from tests.ray.test_cluster_yaml import ROOT, accepted

STACK = ROOT / "jobs" / "clusters" / "aws.cloudformation.yaml"
ACCOUNT, IMAGE = "123456789012", "ami-12c6146b"
SSH_FROM = "203.0.113.7/32"


class Stack:
    """The resources of the template, made one after another."""

    def __init__(self, **parameters: str):
        self.known: dict[str, str] = {"AWS::Partition": "aws", **parameters}
        self.made: dict[str, dict[str, str]] = {}
        self.iam, self.ec2 = boto3.client("iam"), boto3.client("ec2")
        tree = yaml.safe_load(STACK.read_text())
        assert tree["Parameters"].keys() == parameters.keys()
        for name, resource in tree["Resources"].items():
            make = getattr(self, resource["Type"].split("::")[-1])
            self.made[name] = make(self.resolved(resource["Properties"]))
            self.known[name] = self.made[name]["Ref"]

    def resolved(self, value: Any) -> Any:
        """A value without CloudFormation's functions."""
        match value:
            case {"Ref": name}:
                return self.known[name]
            case {"Fn::GetAtt": [name, attribute]}:
                return self.made[name][attribute]
            case {"Fn::Sub": text}:
                return re.sub(r"\$\{(.+?)\}", lambda found: self.known[found[1]], text)
            case dict():
                return {key: self.resolved(each) for key, each in value.items()}
            case list():
                return [self.resolved(each) for each in value]
        return value

    def SecurityGroup(self, asked: dict[str, Any]) -> dict[str, str]:
        rules = asked.pop("SecurityGroupIngress")
        asked["Description"] = asked.pop("GroupDescription")
        id = self.ec2.create_security_group(**asked)["GroupId"]
        for rule in rules:
            self.ec2.authorize_security_group_ingress(GroupId=id, **rule)
        return {"Ref": id, "GroupId": id}

    def SecurityGroupIngress(self, asked: dict[str, Any]) -> dict[str, str]:
        pair = {"GroupId": asked["SourceSecurityGroupId"]}
        rule = {"IpProtocol": asked["IpProtocol"], "UserIdGroupPairs": [pair]}
        self.ec2.authorize_security_group_ingress(GroupId=asked["GroupId"], IpPermissions=[rule])
        return {"Ref": ""}

    def ManagedPolicy(self, asked: dict[str, Any]) -> dict[str, str]:
        text = json.dumps(asked["PolicyDocument"])
        made = self.iam.create_policy(PolicyName=asked["ManagedPolicyName"], PolicyDocument=text)
        return {"Ref": made["Policy"]["Arn"]}

    def Role(self, asked: dict[str, Any]) -> dict[str, str]:
        name = asked["RoleName"]
        policy = json.dumps(asked["AssumeRolePolicyDocument"])
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy)
        for arn in asked["ManagedPolicyArns"]:
            if ":aws:policy/" not in arn:  # moto has AWS's own only when told, and then is slow
                self.iam.attach_role_policy(RoleName=name, PolicyArn=arn)
        return {"Ref": name, "Arn": made["Role"]["Arn"]}

    def RolePolicy(self, asked: dict[str, Any]) -> dict[str, str]:
        asked["PolicyDocument"] = json.dumps(asked["PolicyDocument"])
        self.iam.put_role_policy(**asked)
        return {"Ref": ""}

    def InstanceProfile(self, asked: dict[str, Any]) -> dict[str, str]:
        name = asked["InstanceProfileName"]
        self.iam.create_instance_profile(InstanceProfileName=name)
        for role in asked["Roles"]:
            self.iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
        return {"Ref": name}


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """cluster.yaml as `ray up` completes it in an account with the stack."""
    (tmp_path / ".ssh").mkdir()
    for key, value in {
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-west-2",
    }.items():
        monkeypatch.setenv(key, value)
    with mock_aws():
        vpcs = boto3.client("ec2").describe_vpcs(
            Filters=[{"Name": "is-default", "Values": ["true"]}]
        )
        Stack(Vpc=vpcs["Vpcs"][0]["VpcId"], Bucket="my-bucket", SshFrom=SSH_FROM)
        yield bootstrap_aws(accepted(ROOT / "cluster.yaml"))


def test_nodes_are_in_the_stacks_group_where_only_one_address_has_ssh(
    config: dict[str, Any],
) -> None:
    ec2 = boto3.client("ec2")
    (group,) = ec2.describe_security_groups(
        Filters=[{"Name": "group-name", "Values": ["raytrain"]}]
    )["SecurityGroups"]
    for kind in config["available_node_types"].values():
        assert kind["node_config"]["SecurityGroupIds"] == [group["GroupId"]]
    ssh, between = sorted(group["IpPermissions"], key=lambda rule: rule["IpProtocol"], reverse=True)
    assert (ssh["FromPort"], ssh["ToPort"]) == (22, 22)
    assert [place["CidrIp"] for place in ssh["IpRanges"]] == [SSH_FROM]
    assert [pair["GroupId"] for pair in between["UserIdGroupPairs"]] == [group["GroupId"]]
    assert between["IpRanges"] == []


def test_the_heads_role_starts_and_ends_workers_and_no_more(config: dict[str, Any]) -> None:
    role = boto3.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/raytrain-head", RoleSessionName="head"
    )["Credentials"]
    ours = {
        "aws_access_key_id": role["AccessKeyId"],
        "aws_secret_access_key": role["SecretAccessKey"],
        "aws_session_token": role["SessionToken"],
    }
    provider = AWSNodeProvider(config["provider"] | {"aws_credentials": ours}, "raytrain")
    kinds = config["available_node_types"]
    starts_and_ends(provider, kinds["spot"]["node_config"], "spot")
    starts_and_ends(provider, kinds["on_demand"]["node_config"], None)
    is_refused(boto3.client("iam", **ours).create_user, UserName="mine")
    is_refused(boto3.client("s3", **ours).create_bucket, Bucket="other")


@set_initial_no_auth_action_count(0)
def starts_and_ends(provider: AWSNodeProvider, wanted: dict[str, Any], market: str | None) -> None:
    """Start a worker and end it, where moto asks the role's policies."""
    tags = {TAG_RAY_NODE_KIND: "worker", TAG_RAY_NODE_NAME: "ray-raytrain-worker"}
    # moto does not know the names of machine images.
    [(id, node)] = provider.create_node(wanted | {"ImageId": IMAGE}, tags, 1).items()
    assert node.iam_instance_profile["Arn"].endswith("/raytrain-worker")
    assert node.instance_lifecycle == market
    assert provider.non_terminated_nodes({}) == [id]
    provider.terminate_nodes([id])


@set_initial_no_auth_action_count(0)
def is_refused(call: Callable[..., Any], **asked: str) -> None:
    with pytest.raises(ClientError, match=r"AccessDenied"):
        call(**asked)
