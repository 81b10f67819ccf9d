/**
 * The direction of imports, which docs/architecture.md tells the reason of.
 * TypeScript 7 has no JavaScript API: the swc parser reads the files, and `make lint` fails if it saw none.
 * @type {import('dependency-cruiser').IConfiguration}
 */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'nothing-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'sip-knows-only-sip',
      severity: 'error',
      from: { path: '^proxy/sip/' },
      to: { path: '^(proxy|operator)/', pathNot: '^proxy/sip/' },
    },
    {
      name: 'transaction-knows-sip-and-hops',
      severity: 'error',
      from: { path: '^proxy/transaction/' },
      to: {
        path: '^(proxy|operator)/',
        pathNot: '^proxy/(sip|transaction)/|^proxy/transport/hop[.]ts$|^proxy/hash[.]ts$',
      },
    },
    {
      name: 'transport-and-store-know-nothing-of-routing',
      severity: 'error',
      from: { path: '^proxy/(transport|store)/' },
      to: { path: '^proxy/(routing|transaction|registrar|upstream|main|admin)' },
    },
    {
      name: 'store-knows-no-transport-but-its-types',
      severity: 'error',
      from: { path: '^proxy/store/' },
      to: { path: '^proxy/transport/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'registrar-and-upstream-know-nothing-of-routing',
      severity: 'error',
      from: { path: '^proxy/(registrar|upstream)/' },
      to: { path: '^proxy/(routing|main|admin)' },
    },
    {
      name: 'routing-does-not-know-main',
      severity: 'error',
      from: { path: '^proxy/routing/' },
      to: { path: '^proxy/(main|admin)' },
    },
    { name: 'proxy-never-imports-operator', severity: 'error', from: { path: '^proxy/' }, to: { path: '^operator/' } },
    {
      name: 'operator-knows-the-proxy-by-its-configuration-and-records',
      severity: 'error',
      // Two start proxies: the command line, and `up --store memory`. What proxies publish in etcd is read as they read it.
      from: {
        path: '^operator/',
        pathNot: '^operator/commands/proxy[.]ts$|^operator/processes/proxy-in-process[.]ts$',
      },
      to: {
        path: '^proxy/',
        pathNot: '^proxy/(config|duration|log)|^proxy/store/(keys|codec|etcd-client|watch)[.]ts$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'plan-knows-no-kubernetes',
      severity: 'error',
      from: { path: '^operator/plan/' },
      to: { path: 'kubernetes' },
    },
    {
      name: 'plan-is-pure',
      severity: 'error',
      from: { path: '^operator/plan/' },
      to: { dependencyTypes: ['core'], pathNot: 'crypto' },
    },
    {
      name: 'no-tests-in-the-program',
      severity: 'error',
      from: { path: '^(operator|proxy)/' },
      to: { path: '^test/' },
    },
    {
      name: 'no-development-packages-in-the-program',
      severity: 'error',
      from: { path: '^(operator|proxy)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.js', '.json'],
    },
    tsConfig: undefined,
  },
};
