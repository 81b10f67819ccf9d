// Mutation testing runs the properties hundreds of times: fewer examples a run, and the same ones each time.
import fc from 'fast-check';

fc.configureGlobal({ numRuns: 10, seed: 1 });
