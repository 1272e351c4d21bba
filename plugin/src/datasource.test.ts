import { CoreApp, DataQueryRequest, dateTime, LoadingState, ScopedVars } from '@grafana/data';
import { BackendSrvRequest, setBackendSrv, TemplateSrv } from '@grafana/runtime';
import { lastValueFrom, of } from 'rxjs';

import { speak } from '../tests/speak';
import { annotations } from './annotations';
import { DataSource } from './datasource';
import { DarkSocialQuery, VariableQuery } from './types';
import { VariableEditorSupport } from './variables';

const templates = {
  getVariables: () => [{ name: 'site', type: 'query', current: { value: ['a.example', 'b.example'] } }],
  replace: (text: string, _: ScopedVars, format: (v: unknown, variable: object) => string) =>
    text.replace('$site', () => format(['a.example', 'b.example'], { name: 'site' })),
} as unknown as TemplateSrv;

const settings = { id: 1, uid: 'dark', type: 'darkshare-darksocial-datasource', name: 'Dark', jsonData: {} };
const datasource = new DataSource(settings as ConstructorParameters<typeof DataSource>[0], templates);

const range = { from: dateTime(1000), to: dateTime(2000), raw: { from: 'now-1h', to: 'now' } };

/** Answers every request, and remembers it. */
function answer(data: unknown): BackendSrvRequest[] {
  const requests: BackendSrvRequest[] = [];
  setBackendSrv({
    fetch: (request: BackendSrvRequest) => {
      requests.push(request);
      return of({ data, status: 200, ok: true });
    },
  } as unknown as Parameters<typeof setBackendSrv>[0]);
  return requests;
}

beforeAll(() => speak('fr-FR'));

describe('a new query', () => {
  afterAll(() => speak('fr-FR'));

  test.each([
    ['fr-FR', { language: 'fr' }],
    ['en-US', {}],
    ['de-DE', {}],
  ])('is the dark share of all visits over time, answered in what the user speaks, %s', async (tag, language) => {
    await speak(tag);
    expect(datasource.getDefaultQuery(CoreApp.Explore)).toEqual({
      question: 'darkShare',
      of: 'all',
      by: '',
      over: 'time',
      ...language,
    });
    expect(annotations.getDefaultQuery?.()).toEqual({ question: 'shift', over: 'range', ...language });
  });
});

test('variables are filled in, everything else stays', () => {
  const query = {
    refId: 'A',
    question: 'visits',
    filters: { site: ['$site'], later: ['$site'] },
    old: 1,
  } as DarkSocialQuery;
  expect(datasource.applyTemplateVariables(query, {})).toEqual({
    refId: 'A',
    question: 'visits',
    filters: { site: ['a.example', 'b.example'], later: ['$site'] },
    old: 1,
  });
  expect(query.filters?.site).toEqual(['$site']);
  expect(datasource.applyTemplateVariables({ refId: 'A' }, {})).toEqual({ refId: 'A' });
});

test.each([
  ['utc', 'UTC'],
  ['Europe/Paris', 'Europe/Paris'],
  ['browser', 'UTC'], // The tests' own, see jest.config.js.
])('a dashboard in %s asks in %s', async (timezone, expected) => {
  const requests = answer({ results: {} });
  const request = {
    targets: [{ refId: 'A' }],
    range,
    timezone,
    intervalMs: 1000,
    maxDataPoints: 10,
  };
  const response = await lastValueFrom(datasource.query(request as unknown as DataQueryRequest<DarkSocialQuery>));
  expect(response.state).not.toBe(LoadingState.Error);
  expect(requests).toHaveLength(1);
  expect(requests[0].data.queries).toMatchObject([{ refId: 'A', timezone: expected }]);
});

test.each([
  [{ refId: 'A' }, true],
  [{ refId: 'A', hide: false, question: 'shift' }, true],
  [{ refId: 'A', hide: true }, false],
])('%j is asked: %s', (query, expected) => {
  expect(datasource.filterQuery(query as DarkSocialQuery)).toBe(expected);
});

describe('a variable', () => {
  const ask = async (query: Partial<VariableQuery>) => {
    const request = { targets: [{ refId: 'v', ...query }], range, scopedVars: {} };
    const response = await lastValueFrom(
      (datasource.variables as VariableEditorSupport).query(request as unknown as DataQueryRequest<never>) as never
    );
    return (response as { data: unknown }).data;
  };

  test('lists values under their names', async () => {
    const requests = answer(['dark_social', 'new_one']);
    expect(await ask({ label: 'channel', site: ['$site'] })).toEqual([
      { text: 'Partage privé', value: 'dark_social' },
      { text: 'new_one', value: 'new_one' },
    ]);
    expect(requests[0].url).toBe('/api/datasources/uid/dark/resources/values');
    expect(requests[0].params).toEqual({ label: 'channel', site: ['a.example', 'b.example'], from: 1000, to: 2000 });
  });

  test('of sites is of all of them', async () => {
    const requests = answer(['a.example']);
    await ask({ label: 'site', site: ['x'] });
    expect(requests[0].params).toMatchObject({ label: 'site', site: [] });
  });

  test('that is not made yet asks nothing', async () => {
    const requests = answer([]);
    expect(await ask({})).toEqual([]);
    expect(requests).toEqual([]);
  });
});

describe('an annotation', () => {
  const prepare = (target?: object) =>
    annotations.prepareQuery!({ name: 'a', enable: true, iconColor: 'red', target } as never);

  test.each<[string, object | undefined, object]>([
    ['that is new', undefined, { refId: 'Anno', question: 'shift', over: 'range' }],
    [
      'with filters',
      { refId: 'X', filters: { site: ['a'] } },
      { refId: 'X', filters: { site: ['a'] }, question: 'shift', over: 'range' },
    ],
    [
      'of another question',
      { refId: 'X', question: 'visits', over: 'time' },
      { refId: 'X', question: 'shift', over: 'range' },
    ],
  ])('%s is the list of shifts', (_, target, expected) => {
    expect(prepare(target)).toEqual(expected);
  });
});
