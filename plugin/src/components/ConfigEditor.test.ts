import { isDuration } from './ConfigEditor';

test.each([
  ['30s', true],
  ['1m', true],
  ['1m30s', true],
  ['500ms', true],
  ['1h', true],
  ['0s', false],
  ['30', false],
  ['1x', false],
  ['-1m', false],
  ['1 m', false],
  ['', false],
])('%s as a duration: %s', (text, expected) => {
  expect(isDuration(text)).toBe(expected);
});
