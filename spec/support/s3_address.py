"""Where botocore asks for objects of S3: prints [{region, bucket, key, endpoint, dual, fips, url}]."""
import json
import os

os.environ.update(AWS_EC2_METADATA_DISABLED="true", AWS_ACCESS_KEY_ID="a",
                  AWS_SECRET_ACCESS_KEY="b", AWS_CONFIG_FILE="/nonexistent")

import botocore.session  # noqa: E402  (it reads the environment)
from botocore.config import Config  # noqa: E402
from botocore.exceptions import BotoCoreError  # noqa: E402


class Stop(Exception):
    pass


def ask(region, bucket, key="p/ns-1.json", endpoint="", dual=False, fips=False):
    asked = []

    def stop(request, **_):
        asked.append(request.url)
        raise Stop

    client = botocore.session.get_session().create_client(
        "s3", region_name=region, endpoint_url=endpoint or None,
        config=Config(use_dualstack_endpoint=dual, use_fips_endpoint=fips))
    client.meta.events.register("before-send.s3", stop)
    try:
        client.get_object(Bucket=bucket, Key=key)
    except Stop:
        pass
    return {"region": region, "bucket": bucket, "key": key, "endpoint": endpoint, "dual": dual,
            "fips": fips, "url": asked[0]}


def cases():
    # us-east-1 is left out: there botocore asks the older global host, which is the same place.
    for region in ("eu-central-1", "us-east-2", "cn-north-1", "us-gov-west-1", "us-iso-east-1",
                   "us-isob-east-1", "eusc-de-east-1"):
        for dual in (False, True):
            for fips in (False, True):
                try:
                    yield ask(region, "fleet", dual=dual, fips=fips)
                except BotoCoreError:
                    pass  # no FIPS in that partition
    for bucket in ("with.dots", "192.168.1.1", "abc", "a" * 63, "1abc", "a-b--c"):
        yield ask("eu-central-1", bucket)
    for endpoint in ("http://127.0.0.1:9000", "http://localhost:9000", "http://minio.local:9000",
                     "https://minio.local", "http://minio:9000/base", "https://[::1]:9000",
                     "http://x.localhost:8000", "https://s3.eu-central-1.amazonaws.com"):
        for bucket in ("fleet", "with.dots"):
            yield ask("eu-central-1", bucket, endpoint=endpoint)
    for key in ("a b/ü+~(1)&=.json", "a//b/../c", "a'b*c!d$e,f;g:h@i", "ns-1.json", "-_.~",
                "%41%", "äöü/€/𝄞", "a/./b", "q?x#y", "[1]", "{}|^`", '<">\\'):
        yield ask("eu-central-1", "fleet", key=key)


print(json.dumps(list(cases())))
