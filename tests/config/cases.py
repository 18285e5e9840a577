"""Wrong configurations, each with all that must be said of it."""

from textwrap import dedent

#: A provider that needs no key and no catalogue, on line 1.
U = 'providers: {u: {dialect: openai, base_url: "http://127.0.0.1:9/v1", api_key: none}}\n'
#: 20 characters, no key of anybody's.
KEY = "sk-test-0123456789ab"

#: id: the file, and `line: field: part of the message` for each mistake, in order
MISTAKES: dict[str, tuple[str, list[str]]] = {
    "an unknown section names the nearest": (
        U + "key: []",
        ['2: key: is not a known field (did you mean "keys"?)'],
    ),
    "an unknown field names the nearest": (
        U + "timeouts: {\n  first_bite_s: 3}",
        ['3: timeouts.first_bite_s: is not a known field (did you mean "first_byte_s"?)'],
    ),
    "an unknown field near none names none": (U + "zzz: 1", ["2: zzz: is not a known field"]),
    "an unknown word names the known ones": (
        U + "models: {m: {strategy: fallbck, targets: [u/x]}}",
        ["2: models.m.strategy: must be one of fallback, weighted"],
    ),
    "a key twice": (U + "data_dir: a\ndata_dir: b", ["3: data_dir: stands twice"]),
    "a nested key twice": (
        U + "models:\n  m: {targets: [u/x]}\n  m: {targets: [u/y]}",
        ["4: models.m: stands twice"],
    ),
    "marks for a prompt cache at a host that has none": (
        U.replace("none}}", "none, prompt_cache: auto}}")
        + "models: {m: {targets: [u/x], prompt_cache: auto}}",
        [
            "1: providers.u.prompt_cache: is for hosts that speak anthropic or bedrock",
            "2: models.m.prompt_cache: is for hosts that speak anthropic or bedrock, which none of its",
        ],
    ),
    "a word for marks that nobody knows": (
        U + "models: {m: {targets: [u/x], prompt_cache: on}}",
        ["2: models.m.prompt_cache: must be one of off, auto"],
    ),
    "a number that is text": (
        U + "timeouts: {idle_s: soon}",
        ['2: timeouts.idle_s: must be a number, not "soon"'],
    ),
    "a time that is negative": (
        U + "timeouts: {idle_s: -1}",
        ["2: timeouts.idle_s: must be more than 0, not -1"],
    ),
    "no infinite time": (
        U + "timeouts: {idle_s: .inf}",
        ["2: timeouts.idle_s: is not a number up to 10^15"],
    ),
    "no time that is no number": (
        U + "timeouts: {idle_s: .nan}",
        ["2: timeouts.idle_s: is not a number up to 10^15"],
    ),
    "a port out of range": (
        U + "server: {port: 65536}",
        ["2: server.port: must be at most 65535"],
    ),
    "a port with a fraction": (
        U + "server: {port: 1.5}",
        ["2: server.port: must be a whole number, not 1.5"],
    ),
    "a number too large": (
        U + "default_max_output_tokens: 1000000000000001",
        ["2: default_max_output_tokens: is not a number up to 10^15"],
    ),
    "a number of 5,000 digits": (
        U + "default_max_output_tokens: " + "9" * 5000,
        ["2: default_max_output_tokens: is not a number that can be read"],
    ),
    "a size in no unit": (
        U + "server: {max_body_bytes: 3 apples}",
        ["2: server.max_body_bytes: must be a size such as 256MiB"],
    ),
    "a mapping where a list belongs": (U + "keys: {}", ["2: keys: must be a list, not a mapping"]),
    "nothing where a mapping belongs": (
        U + "timeouts:",
        ["2: timeouts: must be a mapping, not nothing"],
    ),
    "a date where a number belongs": (
        U + "commit_after_s: 2026-01-01",
        ['2: commit_after_s: must be a number, not "2026-01-01"'],
    ),
    "a truth value that is none": (
        'providers: {u: {dialect: openai, base_url: "http://h", api_key: none, responses: maybe}}',
        ["1: providers.u.responses: must be true or false"],
    ),
    "a provider of a key": (
        U + f"keys: [{{name: a, key: {KEY}, providers: [v]}}]",
        ['2: keys[0].providers[0]: no provider "v" is configured'],
    ),
    "a route of a key": (
        U + f"keys: [{{name: a, key: {KEY}, routes: [/v1/*, /v1/mesages]}}]",
        ['2: keys[0].routes[1]: "/v1/mesages" is no route (did you mean "/v1/messages"?)'],
    ),
    "a required field": (U + "keys: [{name: a}]", ["2: keys[0].key: is missing"]),
    "a foreign tag": (
        U + "data_dir: !!python/name:os.system",
        ["2: data_dir: the tag 'python/name:os.system' is unknown"],
    ),
    "a list as a key": (U + "? [a]\n: b", ["2: a key must be plain text"]),
    "an unset variable": (
        U + 'keys: [{name: a, key: "${NO_SUCH_VARIABLE}"}]',
        ["2: keys[0].key: the environment variable NO_SUCH_VARIABLE is not set"],
    ),
    "a variable's name that is none": (
        U + 'keys: [{name: a, key: "${NO-SUCH}"}]',
        ["2: keys[0].key: `${` begins a variable"],
    ),
    "an empty secret": (
        'providers: {openai: {api_key: "${EMPTY}"}}',
        ["1: providers.openai.api_key: must not be empty"],
    ),
    "a secret with a line's end": (
        'providers: {openai: {api_key: "${LINE}"}}',
        ["1: providers.openai.api_key: has a character that no header can carry"],
    ),
    "a key that is short": (
        U + "keys: [{name: a, key: fifteen-letters}]",
        ["2: keys[0].key: must have 16 or more printable characters"],
    ),
    "a key twice in the list": (
        U + f"keys:\n  - {{name: a, key: {KEY}}}\n  - {{name: b, key: {KEY}}}",
        ["4: keys[1].key: is another key's too"],
    ),
    "an administrator's key that asks for models too": (
        U + f"admin_key: {KEY}\nkeys:\n  - {{name: a, key: {KEY}}}",
        ["2: admin_key: is the key of keys[0] too: who asks for models must not administer"],
    ),
    "a key's name twice": (
        U + f"keys:\n  - {{name: a, key: {KEY}}}\n  - {{name: a, key: {KEY}2}}",
        ['4: keys[1].name: "a" stands twice'],
    ),
    "an admin key that is short": (
        U + "admin_key: short",
        ["2: admin_key: must have 16 or more printable characters"],
    ),
    "no auth for all the world": (
        U + "auth: none\nserver: {host: 0.0.0.0}",
        ["2: auth: none is allowed on loopback only, and server.host is 0.0.0.0"],
    ),
    "a provider that nobody knows": (
        f"providers: {{opnai: {{api_key: {KEY}}}}}",
        ['1: providers.opnai: is not in the catalogue (did you mean "openai"?): give it dialect'],
    ),
    "a provider without its key": (
        "providers: {openai: {}}",
        ["1: providers.openai.api_key: is missing (${OPENAI_API_KEY}?)"],
    ),
    "a provider with a slash": (
        U.replace("{u:", "{a/b:"),
        ["1: providers.a/b: a provider's name is not empty and has no slash"],
    ),
    "a header that frames": (
        U.replace("none}", "none, headers: {Content-Length: 3}}"),
        ["1: providers.u.headers.Content-Length: is not a header that can be set"],
    ),
    "a header with a line's end": (
        U.replace("none}", 'none, headers: {x-a: "1\\r\\nx-b: 2"}}'),
        ["1: providers.u.headers.x-a: has a character that no header can carry"],
    ),
    "a target without a provider": (
        U + "models:\n  a.b:\n    targets:\n      - u/x\n      - alone",
        ['6: models.a.b.targets[1]: "alone" is not provider/model'],
    ),
    "a target at an unknown provider": (
        U.replace("{u:", "{local:") + "models: {m: {targets: [locl/x]}}",
        ['2: models.m.targets[0]: no provider "locl" is configured (did you mean "local"?)'],
    ),
    "no targets": (U + "models: {m: {targets: []}}", ["2: models.m.targets: must not be empty"]),
    "only zero weights": (
        U + "models: {m: {strategy: weighted, targets: [{model: u/x, weight: 0}]}}",
        ["2: models.m.targets: all weights are 0"],
    ),
    "a price at an unknown provider": (
        U + "prices: {v/*: {input: 1, output: 1}}",
        ['2: prices.v/*: no provider "v" is configured'],
    ),
    "a price that is no number": (
        U + "prices: {u/*: {input: NaN, output: 1}}",
        ["2: prices.u/*.input: is not a number up to 10^15"],
    ),
    "a price below nothing": (
        U + "prices: {u/*: {input: -1, output: 1}}",
        ["2: prices.u/*.input: must be at least 0, not -1"],
    ),
    "a discount at an unknown provider": (
        U + "discount_percent: {v: 5}",
        ['2: discount_percent.v: no provider "v" is configured'],
    ),
    "a discount beyond the whole": (
        U + "discount_percent: {u: 101}",
        ["2: discount_percent.u: must be at most 100, not 101"],
    ),
    "a margin that must be rounded": (
        U + "margin_percent: {'*': 0.00001}",
        ["2: margin_percent.*: has more than four decimal places"],
    ),
    "a margin that is no number": (
        U + "margin_percent: {u: much}",
        ['2: margin_percent.u: must be a number, not "much"'],
    ),
    "a price of tokens in part": (
        U + "prices: {u/*: {output: 1, per_image: 1}}",
        ["2: prices.u/*.input: is required"],
    ),
    "no price": (
        U + "prices: {u/*: {per_1000_web_searches: 1}}",
        ["2: prices.u/*.input: is required", "2: prices.u/*.output: is required"],
    ),
    "a price of sound twice": (
        U + "prices: {u/*: {per_audio_hour: 1, per_audio_minute: 1}}",
        ["2: prices.u/*.per_audio_minute: says the same as `per_audio_hour`"],
    ),
    "a price of a kind of picture that is no number": (
        U + "prices: {u/*: {per_image: 1, per_image_by_kind: {hd: dear}}}",
        ["2: prices.u/*.per_image_by_kind.hd: "],
    ),
    "an unknown way with unpriced models": (
        U + "unpriced: refus",
        ['2: unpriced: must be one of record, refuse, not "refus" (did you mean "refuse"?)'],
    ),
    "a price that must be rounded": (
        U + "prices: {u/*: {input: 1, output: 0.0000000000001}}",
        ["2: prices.u/*.output: has more than twelve decimal places"],
    ),
    "a store that is neither": (U + "store: mysql://h/d", ["2: store: must be sqlite or post"]),
    "a master key that is short": (
        U + "master_key: 31-characters-are-one-too-few--",
        ["2: master_key: must have 32 or more characters"],
    ),
    "an admin listener without a port": (
        U + "admin: {port: 0}",
        ["2: admin.port: must be at least 1, not 0"],
    ),
    "a limit of nothing": (
        U + "limits: [{name: l, per: day}]",
        ["2: limits[0]: must have exactly one of requests, input_tokens,"],
    ),
    "a limit of two things": (
        U + "limits: [{name: l, requests: 1, cost_usd: 1, per: day}]",
        ["2: limits[0]: must have exactly one of requests, input_tokens,"],
    ),
    "a limit without a period": (
        U + "limits:\n  - name: l\n    requests: 1",
        ["3: limits[0].per: is missing"],
    ),
    "a limit whose scope is unknown": (
        U + "limits: [{name: l, scope: {teem: a}, requests: 1, per: day}]",
        ['2: limits[0].scope.teem: is not a known field (did you mean "team"?)'],
    ),
    "a limit with a zone that is none": (
        U + "limits: [{name: l, requests: 1, per: day, zone: Europe/Atlantis}]",
        ["2: limits[0].zone: 'Europe/Atlantis' is no IANA time zone, such as Europe/Berlin"],
    ),
    "a limit below nothing": (
        U + "limits: [{name: l, cost_usd: -1, per: day}]",
        ["2: limits[0].cost_usd: is not a number from 0 to 10^9"],
    ),
    "a limit's name twice": (
        U + "limits:\n  - {name: l, requests: 1, per: day}\n  - {name: l, requests: 1, per: day}",
        ['4: limits[1].name: "l" stands twice'],
    ),
    "a key's limit whose name is taken": (
        U + "limits: [{name: 'key:a:rpm', requests: 1, per: day}]\n"
        f"keys: [{{name: a, key: {KEY}, rpm: 1}}]",
        ['3: keys[0].name: a limit is named "key:a:rpm" too'],
    ),
    "a budget's period without a budget": (
        U + f"keys: [{{name: a, key: {KEY}, budget_period: day}}]",
        ["2: keys[0].budget_period: has no meaning without budget_usd"],
    ),
    "a key's budget that must be rounded": (
        U + f"keys: [{{name: a, key: {KEY}, budget_usd: 0.0000000001}}]",
        ["2: keys[0].budget_usd: has more than 9 decimal places"],
    ),
    "own provider keys that nobody could use": (
        U
        + dedent(
            """\
            provider_keys:
              - {provider: x, team: t, api_key: sk-0123456789}
              - {provider: u, api_key: sk-0123456789}
              - {provider: u, team: t, key: k, api_key: sk-0123456789}
              - {provider: u, team: t, api_key: none}
              - {provider: u, team: q, api_key: sk-0123456789}
              - {provider: u, team: q, api_key: sk-0123456789}
            """
        ),
        [
            '3: provider_keys[0].provider: no provider "x" is configured',
            "4: provider_keys[1]: is a key's, or a team's or an organisation's: say whose",
            "5: provider_keys[2]: is a key's, or a team's or an organisation's: say whose",
            "6: provider_keys[3].api_key: is not a key that a header can carry",
            "8: provider_keys[5]: stands twice: one credential for each provider",
        ],
    ),
    "an unknown field of the cache": (
        U + "cache: {exact: {ttl: 5}, semantics: {}}",
        [
            '2: cache.semantics: is not a known field (did you mean "semantic"?)',
            '2: cache.exact.ttl: is not a known field (did you mean "ttl_s"?)',
        ],
    ),
    "answers that are kept too long, or not at all": (
        U
        + "cache: {exact: {ttl_s: 2592001, stale_if_error_s: 2592001}}\n"
        + "models: {m: {targets: [u/x], cache: {exact: {ttl_s: 0}}}}",
        [
            "2: cache.exact.ttl_s: must be at most 2592000.0, not 2592001",
            "2: cache.exact.stale_if_error_s: must be at most 2592000.0, not 2592001",
            "3: models.m.cache.exact.ttl_s: must be more than 0, not 0",
        ],
    ),
    "what only the whole cache has": (
        U + "models: {m: {targets: [u/x], cache: {exact: {tier: store, max_bytes: 1GiB}}}}",
        [
            "2: models.m.cache.exact.tier: is not a known field",
            "2: models.m.cache.exact.max_bytes: is not a known field",
        ],
    ),
    "a tier that is not there": (
        U + "cache: {exact: {tier: redis}}",
        ["2: cache.exact.tier: redis is the server of shared_state, which is local: set that"],
    ),
    "a threshold that is neither": (
        U + "cache: {semantic: {threshold: atuo}}",
        ['2: cache.semantic.threshold: must be auto or a number, not "atuo"'],
    ),
    "a threshold that nothing reaches": (
        U + "cache: {semantic: {threshold: 86}}",
        ["2: cache.semantic.threshold: must be at most 1, not 86"],
    ),
    "a threshold that is fixed and moves": (
        U + "cache: {semantic: {threshold: 0.9, target_false_hit_rate: 0.01}}",
        ["2: cache.semantic.target_false_hit_rate: moves a threshold that is auto"],
    ),
    "an embedder that is none": (
        U
        + "cache: {semantic: {embedder: ngrams, verify: cheap}}\n"
        + "models: {m: {targets: [u/x], cache: {semantic: {embedder: v/embed}}}}",
        [
            '2: cache.semantic.embedder: "ngrams" is not one of ngram, minilm, provider/model (',
            '2: cache.semantic.verify: "cheap" is not one of provider/model',
            '3: models.m.cache.semantic.embedder: no provider "v" is configured',
        ],
    ),
    "a key's cache": (
        U + f"keys: [{{name: a, key: {KEY}, cache: {{enable: true, ttl_s: -1}}}}]",
        [
            '2: keys[0].cache.enable: is not a known field (did you mean "enabled"?)',
            "2: keys[0].cache.ttl_s: must be more than 0, not -1",
        ],
    ),
    # a mistake does not hide the others, and makes no others
    "all of them at once": (
        dedent(
            f"""\
            timeouts: {{idle_s: soon}}
            providers: {{p: {{dialect: opnai, base_url: "http://h"}}}}
            models: {{m: {{targets: [nobody/x, p/y]}}}}
            keys: [{{name: a}}, {{name: b, key: short}}, {{nam: c, key: {KEY}}}]
            """
        ),
        [
            "1: timeouts.idle_s: must be a number",
            "2: providers.p.dialect: must be one of openai,",
            '3: models.m.targets[0]: no provider "nobody" is configured',
            "4: keys[0].key: is missing",
            "4: keys[2].nam: is not a known field",
            "4: keys[2].name: is missing",
            "4: keys[1].key: must have 16 or more printable characters",
        ],
    ),
}

#: base URLs that cannot be used
BAD_URLS = [
    "ftp://h/v1",
    "h/v1",
    "http://",
    "http://u:p@h/v1",
    "http://h/v1?a=b",
    "http://h/v1#a",
    "http://h:0/v1",
    "http://h:65536/v1",
    "http://[::1/v1",
    "http://a b/v1",
]
