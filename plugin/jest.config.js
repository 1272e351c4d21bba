// Times and zones are the same wherever the tests run.
process.env.TZ = 'UTC';

const scaffold = require('./.config/jest.config');
const [swc] = Object.values(scaffold.transform);

module.exports = {
  ...scaffold,
  // Packages that are ES modules only, some of them by the ending .mjs.
  transform: { ...scaffold.transform, '^.+\\.mjs$': swc },
};
