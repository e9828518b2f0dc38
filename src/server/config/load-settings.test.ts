import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { FileOutcome, SettingsOutcome } from './load-settings.ts';
import { loadSettings } from './load-settings.ts';
import { defaultSettings, type Settings } from './settings.ts';

type Files = Readonly<Record<string, string>>;
type Environment = Readonly<Record<string, string>>;

function load(files: Files, environment: Environment = {}, configPath?: string): SettingsOutcome {
  const readFile = (path: string): FileOutcome => {
    const text = files[path];
    return text === undefined ? { kind: 'missing' } : { kind: 'found', text };
  };
  return loadSettings({ readFile, environment, configPath });
}

function loaded(files: Files, environment: Environment = {}, configPath?: string): Settings {
  const outcome = load(files, environment, configPath);
  assert.equal(outcome.kind, 'loaded', JSON.stringify(outcome));
  return outcome.kind === 'loaded' ? outcome.settings : defaultSettings;
}

function messages(files: Files, environment: Environment = {}, configPath?: string): string[] {
  const outcome = load({ 'config/config.yaml': '', ...files }, environment, configPath);
  assert.equal(outcome.kind, 'loaded', JSON.stringify(outcome));
  const list = outcome.kind === 'loaded' ? outcome.messages : [];
  return list.map((message) => `${message.level}: ${message.text}`);
}

function fatal(files: Files, environment: Environment = {}, configPath?: string): string {
  const outcome = load(files, environment, configPath);
  assert.equal(outcome.kind, 'fatal', 'loaded although it should not');
  return outcome.kind === 'fatal' ? outcome.reason : '';
}

describe('sources', () => {
  test('nothing given: the defaults', () => {
    assert.deepEqual(loaded({}), defaultSettings);
  });

  test('a later source wins key by key, lists are replaced', () => {
    const files = {
      'config/config.yaml': 'service: { host: a, http_port: 1, grpc_port: 1 }\nlog_level: one',
      'config/development.yaml': 'service: { http_port: 2, grpc_port: 2 }',
      'config/local.yml': 'service: { grpc_port: 3 }\nlogger: { span_events: [new, enter] }',
      'my.yaml': 'log_level: mine\nlogger: { span_events: [exit] }',
    };
    const settings = loaded(files, { QDRANT__LOG_LEVEL: 'env' }, 'my.yaml');
    assert.equal(settings.service.host, 'a');
    assert.equal(settings.service.http_port, 2);
    assert.equal(settings.service.grpc_port, 3);
    assert.equal(settings.log_level, 'env');
    assert.deepEqual(settings.logger.span_events, ['exit']);
    assert.equal(loaded(files, {}, 'my').log_level, 'mine');
  });

  test('RUN_MODE chooses the profile', () => {
    const files = { 'config/production.yaml': 'service: { http_port: 9 }' };
    assert.equal(loaded(files).service.http_port, 6333);
    assert.equal(loaded(files, { RUN_MODE: 'production' }).service.http_port, 9);
  });

  test('.yaml is taken before .yml', () => {
    const files = {
      'config/config.yml': 'log_level: yml',
      'config/config.yaml': 'log_level: yaml',
    };
    assert.equal(loaded(files).log_level, 'yaml');
  });

  test('missing files are told after loading', () => {
    const outcome = load({}, {}, 'gone.yaml');
    assert.equal(outcome.kind, 'loaded');
    assert.deepEqual(outcome.kind === 'loaded' && outcome.messages, [
      { level: 'warn', text: 'Config file not found: config/config' },
      { level: 'warn', text: 'Config file not found: config/development' },
      { level: 'error', text: 'Config file via --config-path is not found: gone.yaml' },
    ]);
  });

  test('another extension than YAML counts as not found', () => {
    const list = messages({ 'x.json': '{}', 'config/development.yml': '' }, {}, 'x.json');
    assert.deepEqual(list, ['error: Config file via --config-path is not found: x.json']);
  });

  test('a directory with a dot is no extension', () => {
    assert.equal(
      loaded({ '/etc/conf.d/my.yaml': 'log_level: d' }, {}, '/etc/conf.d/my').log_level,
      'd',
    );
  });

  test('an unreadable file stops the start', () => {
    const outcome = loadSettings({
      readFile: () => ({ kind: 'unreadable', reason: 'EACCES' }),
      environment: {},
    });
    assert.deepEqual(outcome, { kind: 'fatal', reason: 'cannot read config/config.yaml: EACCES' });
  });

  test('--disable-telemetry', () => {
    const sources = { readFile: (): FileOutcome => ({ kind: 'missing' }), environment: {} };
    const outcome = loadSettings({ ...sources, telemetryDisabled: true });
    assert.equal(outcome.kind === 'loaded' && outcome.settings.telemetry_disabled, true);
  });
});

describe('YAML', () => {
  const broken: readonly (readonly [string, RegExp])[] = [
    ['a: 1\n---\nb: 2', /^more than one YAML document in config\/config\.yaml$/],
    ['a: [1', / in config\/config\.yaml$/],
    ['log_level: a\nlog_level: b', /unique.* in config\/config\.yaml$/],
    ['just text', /^the top level is not a map of keys in config\/config\.yaml$/],
    ['- 1', /^the top level is not a map of keys/],
    ['a: *nobody', /alias/i],
  ];
  for (const [text, reason] of broken) {
    test(`broken: ${JSON.stringify(text)}`, () => {
      assert.match(fatal({ 'config/config.yaml': text }), reason);
    });
  }

  test('an alias bomb is refused', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 9; i += 1) {
      const item = `*a${i - 1}`;
      lines.push(`a${i}: &a${i} [${Array.from({ length: 9 }, () => item).join(', ')}]`);
    }
    assert.match(fatal({ 'config/config.yaml': lines.join('\n') }), /aliases/);
  });

  test('aliases work', () => {
    const text = 'x: &k secret\nservice: { api_key: *k }';
    assert.equal(loaded({ 'config/config.yaml': text }).service.api_key, 'secret');
  });

  test('empty text and a heading without keys give nothing', () => {
    for (const text of ['', '# only a comment', '~', 'service:\n', 'storage:\n  wal:\n']) {
      assert.deepEqual(loaded({ 'config/config.yaml': text }), defaultSettings);
    }
  });

  test('a heading without keys takes nothing away', () => {
    const files = { 'config/config.yaml': 'tls: { cert: x }', 'config/local.yaml': 'tls:\n' };
    assert.equal(loaded(files).tls.cert, 'x');
  });

  test('a scalar in place of a section stops the start, even if a later source repairs it', () => {
    const reason = 'invalid type: integer `5`, expected a section with keys for key `service`';
    const files = { 'config/config.yaml': 'service: 5' };
    assert.equal(fatal(files), `${reason} in config/config.yaml`);
    assert.equal(fatal(files, { QDRANT__SERVICE__HOST: 'x' }), `${reason} in config/config.yaml`);
  });

  test('unknown keys are ignored at any level', () => {
    const text =
      'foo: 1\nservice: { bar: { baz: [1] } }\nstorage: { collection: { vectors: { q: 1 } } }';
    assert.deepEqual(messages({ 'config/config.yaml': text, 'config/development.yml': '' }), []);
    assert.deepEqual(loaded({ 'config/config.yaml': text }), defaultSettings);
  });

  test('null unsets an optional key and is a fault for another', () => {
    const text = 'service: { grpc_port: null }';
    assert.equal(loaded({ 'config/config.yaml': text }).service.grpc_port, null);
    assert.equal(
      fatal({ 'config/config.yaml': 'service: { host: null }' }),
      'invalid type: null, expected a string for key `service.host` in config/config.yaml',
    );
  });

  test('old key names; the own name wins within one source, the later source between two', () => {
    const optimizers = (settings: Settings) => settings.storage.optimizers;
    const old = 'storage: { optimizers: { indexing_threshold: 7, max_segment_size: 8 } }';
    const both = 'storage: { optimizers: { indexing_threshold: 7, indexing_threshold_kb: 9 } }';
    assert.equal(optimizers(loaded({ 'config/config.yaml': old })).indexing_threshold_kb, 7);
    assert.equal(optimizers(loaded({ 'config/config.yaml': old })).max_segment_size_kb, 8);
    assert.equal(optimizers(loaded({ 'config/config.yaml': both })).indexing_threshold_kb, 9);
    const files = { 'config/config.yaml': both, 'config/local.yaml': old };
    assert.equal(optimizers(loaded(files)).indexing_threshold_kb, 7);
    const hnsw = 'storage: { hnsw_index: { full_scan_threshold: 11 } }';
    assert.equal(
      loaded({ 'config/config.yaml': hnsw }).storage.hnsw_index.full_scan_threshold_kb,
      11,
    );
    const overwrite = 'storage: { optimizers_overwrite: { memmap_threshold: 3 } }';
    assert.deepEqual(loaded({ 'config/config.yaml': overwrite }).storage.optimizers_overwrite, {
      memmap_threshold_kb: 3,
    });
  });
});

describe('environment', () => {
  const env = (name: string, value: string): Settings => loaded({}, { [name]: value });

  test('the examples', () => {
    assert.equal(env('QDRANT__SERVICE__HTTP_PORT', '7333').service.http_port, 7333);
    assert.equal(env('QDRANT__SERVICE__API_KEY', 'secret').service.api_key, 'secret');
    assert.equal(env('QDRANT__CLUSTER__ENABLED', 'true').cluster.enabled, true);
    assert.equal(env('QDRANT__STORAGE__STORAGE_PATH', '/data').storage.storage_path, '/data');
    assert.equal(env('QDRANT__LOG_LEVEL', 'debug,raft=info').log_level, 'debug,raft=info');
    assert.equal(env('QDRANT__LOGGER__FORMAT', 'json').logger.format, 'json');
    const threshold = 'QDRANT__STORAGE__OPTIMIZERS__INDEXING_THRESHOLD_KB';
    assert.equal(env(threshold, '0').storage.optimizers.indexing_threshold_kb, 0);
    const errors = 'QDRANT__STORAGE__HANDLE_COLLECTION_LOAD_ERRORS';
    assert.equal(env(errors, '1').storage.handle_collection_load_errors, true);
    assert.equal(
      env('QDRANT__STORAGE__WAL__WAL_CAPACITY_MB', '64').storage.wal.wal_capacity_mb,
      64,
    );
  });

  test('letter case of prefix and key does not matter', () => {
    assert.equal(env('qdrant__Service__HTTP_port', '1').service.http_port, 1);
  });

  test('one underscore, another prefix, empty steps and unknown keys are ignored', () => {
    const environment = {
      QDRANT_SERVICE__HTTP_PORT: '1',
      OCTANT__SERVICE__HTTP_PORT: '1',
      QDRANT__: '1',
      QDRANT__SERVICE____HTTP_PORT: '1',
      QDRANT__NOPE: '1',
      QDRANT__SERVICE__NOPE__X: '1',
    };
    assert.deepEqual(loaded({}, environment), defaultSettings);
  });

  test('booleans', () => {
    for (const word of ['true', 'ON', 'Yes', '1']) {
      assert.equal(env('QDRANT__CLUSTER__ENABLED', word).cluster.enabled, true);
    }
    for (const word of ['false', 'oFF', 'no', '0']) {
      assert.equal(env('QDRANT__SERVICE__ENABLE_CORS', word).service.enable_cors, false);
    }
    for (const word of ['', '2', 'y', 'enabled', ' true']) {
      assert.equal(
        fatal({}, { QDRANT__CLUSTER__ENABLED: word }),
        `invalid type: string ${JSON.stringify(word)}, expected a boolean for key ` +
          '`cluster.enabled` in environment variable QDRANT__CLUSTER__ENABLED',
      );
    }
  });

  test('integers', () => {
    assert.equal(env('QDRANT__SERVICE__HTTP_PORT', 'yes').service.http_port, 1);
    assert.equal(env('QDRANT__SERVICE__HTTP_PORT', '0').service.http_port, 0);
    const budget = 'QDRANT__STORAGE__PERFORMANCE__OPTIMIZER_CPU_BUDGET';
    assert.equal(env(budget, '-2').storage.performance.optimizer_cpu_budget, -2);
    for (const value of ['', '1.5', 'abc', '0x10', '1e3', ' 1']) {
      assert.match(fatal({}, { QDRANT__SERVICE__HTTP_PORT: value }), /expected an integer for key/);
    }
    assert.match(fatal({}, { QDRANT__SERVICE__HTTP_PORT: '-1' }), /invalid value: integer `-1`/);
    assert.match(fatal({}, { QDRANT__SERVICE__HTTP_PORT: '65536' }), /number from 0 to 65535/);
    assert.match(
      fatal({}, { QDRANT__SERVICE__MAX_WORKERS: '18446744073709551616' }),
      /invalid value/,
    );
  });

  test('floats, text and names', () => {
    assert.equal(env('QDRANT__SERVICE__SLOW_QUERY_SECS', '2.5e-1').service.slow_query_secs, 0.25);
    assert.match(fatal({}, { QDRANT__SERVICE__SLOW_QUERY_SECS: '' }), /expected a floating point/);
    assert.equal(env('QDRANT__SERVICE__API_KEY', '').service.api_key, '');
    assert.equal(env('QDRANT__SERVICE__API_KEY', ' 007 ').service.api_key, ' 007 ');
    assert.equal(env('QDRANT__STORAGE__NODE_TYPE', 'Listener').storage.node_type, 'Listener');
    assert.equal(
      fatal({}, { QDRANT__STORAGE__NODE_TYPE: 'listener' }),
      'unknown variant `listener`, expected one of `Normal`, `Listener` for key ' +
        '`storage.node_type` in environment variable QDRANT__STORAGE__NODE_TYPE',
    );
  });

  test('unions are not coerced, the numbers of concurrent loads are', () => {
    assert.equal(env('QDRANT__LOGGER__COLOR', 'auto').logger.color, 'auto');
    assert.match(fatal({}, { QDRANT__LOGGER__COLOR: 'true' }), /LogColor.*`logger\.color`/);
    const loads = 'QDRANT__STORAGE__PERFORMANCE__MAX_CONCURRENT_SHARD_LOADS';
    assert.equal(env(loads, '4').storage.performance.max_concurrent_shard_loads, 4);
    assert.match(fatal({}, { [loads]: '0' }), /nonzero/);
    const quantization = 'QDRANT__STORAGE__COLLECTION__QUANTIZATION__BINARY__ALWAYS_RAM';
    assert.match(fatal({}, { [quantization]: 'true' }), /QuantizationConfig/);
  });

  test('list elements by index', () => {
    const environment = {
      'QDRANT__LOGGER__SPAN_EVENTS[0]': 'new',
      'QDRANT__LOGGER__SPAN_EVENTS[1]': 'close',
    };
    assert.deepEqual(loaded({}, environment).logger.span_events, ['new', 'close']);
    assert.match(fatal({}, { QDRANT__LOGGER__SPAN_EVENTS: 'new' }), /expected a sequence/);
  });

  test('a variable for a whole section stops the start', () => {
    assert.match(fatal({}, { QDRANT__SERVICE: '' }), /section with keys for key `service`/);
  });

  test('keys under a free-form group', () => {
    const environment = {
      QDRANT__STORAGE__COLLECTION__STRICT_MODE__ENABLED: 'on',
      QDRANT__STORAGE__COLLECTION__STRICT_MODE__MULTIVECTOR_CONFIG__IMAGE__MAX_VECTORS: '5',
    };
    assert.deepEqual(loaded({}, environment).storage.collection.strict_mode, {
      enabled: true,
      multivector_config: { image: { max_vectors: 5 } },
    });
  });

  test('no text makes the loader throw', () => {
    const key = fc.constantFrom(
      'SERVICE__HTTP_PORT',
      'SERVICE',
      'SERVICE__API_KEY',
      'STORAGE__OPTIMIZERS__DELETED_THRESHOLD',
      'LOGGER__COLOR',
      'LOGGER__SPAN_EVENTS[0]',
      'LOGGER__SPAN_EVENTS[0][1]__X',
      'STORAGE__COLLECTION__QUANTIZATION__SCALAR',
      'STORAGE__COLLECTION__STRICT_MODE',
      '__proto__',
      'SERVICE____PROTO__',
      'SERVICE__CONSTRUCTOR',
    );
    fc.assert(
      fc.property(fc.dictionary(key, fc.string(), { maxKeys: 4 }), (values) => {
        const entries = Object.entries(values).map(([name, value]) => [`QDRANT__${name}`, value]);
        const outcome = load({}, Object.fromEntries(entries) as Environment);
        assert.ok(outcome.kind === 'loaded' || outcome.reason.includes('QDRANT__'));
      }),
    );
  });
});

describe('values in files', () => {
  const yaml = (text: string): Settings => loaded({ 'config/config.yaml': text });

  test('text from numbers and booleans, booleans and numbers from text', () => {
    assert.equal(yaml('service: { api_key: 12345 }').service.api_key, '12345');
    assert.equal(yaml('service: { api_key: true }').service.api_key, 'true');
    assert.equal(yaml('service: { http_port: "7333" }').service.http_port, 7333);
    assert.equal(yaml('cluster: { enabled: yes }').cluster.enabled, true);
    assert.equal(yaml('cluster: { enabled: 1 }').cluster.enabled, true);
    assert.equal(
      yaml('storage: { optimizers: { deleted_threshold: 1 } }').storage.optimizers
        .deleted_threshold,
      1,
    );
  });

  test('integers are exact and whole', () => {
    assert.equal(yaml('service: { http_port: 6333.0 }').service.http_port, 6333);
    assert.equal(
      fatal({ 'config/config.yaml': 'service: { http_port: 1.5 }' }),
      'invalid type: floating point `1.5`, expected an integer for key `service.http_port` in config/config.yaml',
    );
    assert.match(
      fatal({ 'config/config.yaml': 'service: { http_port: .inf }' }),
      /expected an integer/,
    );
    assert.match(
      fatal({ 'config/config.yaml': 'service: { max_request_size_mb: -3 }' }),
      /integer `-3`/,
    );
    assert.match(fatal({ 'config/config.yaml': 'storage: { update_concurrency: 0 }' }), /nonzero/);
    assert.match(fatal({ 'config/config.yaml': 'service: { http_port: [1] }' }), /sequence/);
    assert.match(fatal({ 'config/config.yaml': 'service: { http_port: { a: 1 } }' }), /map/);
  });

  test('colour, quantization and groups', () => {
    assert.equal(yaml('logger: { color: true }').logger.color, true);
    assert.match(fatal({ 'config/config.yaml': 'logger: { color: 1 }' }), /LogColor/);
    const quantized = (text: string) =>
      yaml(`storage: { collection: { quantization: ${text} } }`).storage.collection.quantization;
    assert.deepEqual(quantized('{ scalar: { type: int8, quantile: 0.99, always_ram: true } }'), {
      scalar: { type: 'int8', quantile: 0.99, always_ram: true },
    });
    assert.deepEqual(quantized('{ turbo: { bits: bits4 } }'), { turbo: { bits: 'bits4' } });
    assert.equal(quantized('null'), null);
    for (const text of [
      '{}',
      '5',
      '{ scalar: { } }',
      '{ product: { compression: x3 } }',
      '{ scalar: 1 }',
    ]) {
      assert.match(
        fatal({ 'config/config.yaml': `storage: { collection: { quantization: ${text} } }` }),
        /uantization/,
      );
    }
    assert.match(
      fatal({ 'config/config.yaml': 'storage: { collection: { strict_mode: 1 } }' }),
      /section with keys/,
    );
    assert.equal(
      yaml('storage: { collection: { strict_mode: null } }').storage.collection.strict_mode,
      null,
    );
  });

  test('out of range: a warning for each, and the value is used', () => {
    const text = [
      'service: { host: "", http_keep_alive_timeout_sec: 0, metrics_prefix: "a-b" }',
      'storage:',
      '  optimizers: { deleted_threshold: 1.5, vacuum_min_vector_number: 99 }',
      '  hnsw_index: { ef_construct: 3 }',
      '  collection: { strict_mode: { max_disk_usage_percent: 101 } }',
      'cluster: { peer_id: 0 }',
    ].join('\n');
    const files = { 'config/config.yaml': text, 'config/development.yaml': '' };
    assert.deepEqual(messages(files), [
      'warn: Settings configuration file has validation errors:',
      'warn: - storage.optimizers.deleted_threshold: value 1.5 invalid, must be from 0.0 to 1.0',
      'warn: - storage.optimizers.vacuum_min_vector_number: value 99 invalid, must be 100 or larger',
      'warn: - storage.hnsw_index.ef_construct: value 3 invalid, must be 4 or larger',
      'warn: - storage.collection.strict_mode.max_disk_usage_percent: value 101 invalid, must be from 1 to 100',
      'warn: - service.host: value "" invalid, must be at least 1 characters',
      'warn: - service.http_keep_alive_timeout_sec: value 0 invalid, must be 1 or larger',
      'warn: - service.metrics_prefix: value "a-b" invalid, must be letters, digits and underscores',
      'warn: - cluster.peer_id: value 0 invalid, must be from 1 to 9007199254740991',
    ]);
    const settings = loaded(files);
    assert.equal(settings.storage.optimizers.deleted_threshold, 1.5);
    assert.equal(settings.service.host, '');
    assert.equal(settings.cluster.peer_id, 0);
  });

  test('combinations that are probably not meant', () => {
    const one = (text: string) =>
      messages({ 'config/config.yaml': text, 'config/development.yaml': '' });
    assert.match(one('service: { jwt_rbac: true }').join(), /JWT authentication is not active/);
    assert.match(one('service: { jwt_rbac: true, api_key: short }').join(), /32 bytes/);
    assert.deepEqual(one(`service: { jwt_rbac: true, api_key: ${'k'.repeat(32)} }`), []);
    const both = 'storage: { collection: { shard_number: 1, shard_number_per_node: 1 } }';
    assert.match(one(both).join(), /the first is used/);
  });
});
