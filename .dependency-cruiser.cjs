// The import rule: folders under src/ are ranked, a file imports its own folder and lower ranks only.
// docs/ARCHITECTURE.md tells what each folder is for; `npm run check` runs this.

/** Low to high. Two folders of one rank never import each other. */
const ranks = [
  ['base'],
  ['model', 'io'],
  ['kernels', 'raft'],
  ['index', 'storage'],
  ['segment'],
  ['shard'],
  ['collection', 'cluster'],
  ['rpc'],
  ['server'],
  ['api'],
  ['bin'],
];

/** Small packages without I/O (stemmers, geometry) that `index` may use; each by its exact name. */
const purePackages = [];

/** The part that the simulator runs: no node: module, no package. */
const simulated = ranks
  .slice(
    0,
    ranks.findIndex((names) => names.includes('rpc')),
  )
  .flat()
  .join('|');

const test = '\\.(test|contract|long)\\.ts$';

const rankRules = ranks.flatMap((names, rank) =>
  names.map((name) => {
    const allowed = [...ranks.slice(0, rank).flat(), name].join('|');
    return {
      name: `rank-${name}`,
      comment: `src/${name} imports only: ${allowed.replaceAll('|', ', ')}.`,
      severity: 'error',
      from: { path: `^src/${name}/` },
      to: { path: '^src/', pathNot: `^src/(${allowed})/` },
    };
  }),
);

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...rankRules,
    {
      name: 'known-folder',
      comment: 'Every folder under src/ has a rank.',
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/(${ranks.flat().join('|')})/` },
      to: {},
    },
    {
      name: 'no-cycle',
      comment: 'No cycles, not even of types.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-node-below-rpc',
      comment: 'Up to cluster, only io/native touches node: modules.',
      severity: 'error',
      from: { path: `^src/(${simulated})/`, pathNot: ['^src/io/native/', test] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-package-below-rpc',
      comment: 'Up to cluster there are no packages (but see purePackages for index).',
      severity: 'error',
      from: { path: `^src/(${simulated})/`, pathNot: test },
      to: { path: 'node_modules/' },
    },
    {
      name: 'native-only-from-bin',
      comment: 'Only bin and tests import io/native.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/io/native/', '^src/bin/', test] },
      to: { path: '^src/io/native/' },
    },
    {
      name: 'raft-without-io',
      comment: 'raft is an algorithm: it does not know the outside world.',
      severity: 'error',
      from: { path: '^src/raft/' },
      to: { path: '^src/io/' },
    },
    {
      name: 'src-without-tests',
      comment: 'src never imports tests, tools or benchmarks.',
      severity: 'error',
      from: { path: '^src/', pathNot: test },
      to: { path: ['^(test|tools|bench|demo)/', test] },
    },
    {
      name: 'assembly-apart',
      comment: 'Nothing imports assembly/ and it imports nothing from src/.',
      severity: 'error',
      from: { path: '^(src|test|bench)/' },
      to: { path: '^assembly/' },
    },
    {
      name: 'resolvable',
      comment: 'Every import leads somewhere.',
      severity: 'error',
      from: {},
      // Peers that the benchmarks compare with; who wants the comparison installs them.
      to: { couldNotResolve: true, pathNot: '^(usearch|hnswlib-node)$' },
    },
    {
      name: 'declared-package',
      comment: 'A package that the running server needs is in "dependencies".',
      severity: 'error',
      from: { path: '^src/', pathNot: test },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
  ].map((rule) =>
    rule.name === 'no-package-below-rpc' && purePackages.length > 0
      ? { ...rule, to: { ...rule.to, pathNot: `node_modules/(${purePackages.join('|')})/` } }
      : rule,
  ),
  options: {
    parser: 'tsc',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['\\.generated\\.ts$'] },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types'],
    },
  },
};
