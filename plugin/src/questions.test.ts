import { existsSync, readFileSync } from 'fs';
import path from 'path';

import table from './questions.json';
import { ask, cannotMeet, check, complete, hasLimit, MAX_LIMIT, Problem, QUESTIONS, rulesOf } from './questions';
import { By, DarkSocialQuery, Filter, FILTERS, Question } from './types';

type Model = Partial<DarkSocialQuery>;

describe('the table of questions', () => {
  test('is the one that the back end reads', () => {
    const copy = path.join(__dirname, '../pkg/question/tables/questions.json');
    expect(existsSync(copy)).toBe(true);
    expect(JSON.parse(readFileSync(copy, 'utf8'))).toEqual(table);
  });

  test.each(QUESTIONS)('%s has rules that fit together', (question) => {
    const r = rulesOf(question);
    expect(r.over.length).toBeGreaterThan(0);
    expect(r.by[0]).toBe('');
    for (const by of r.by) {
      expect(cannotMeet(question, by, [])).toBeUndefined();
    }
    for (const filter of r.filters) {
      expect(FILTERS).toContain(filter);
      expect(cannotMeet(question, '', [filter])).toBeUndefined();
    }
    for (const as of r.asNeedsBy) {
      expect(r.as).toContain(as);
    }
    expect(check(ask({}, question))).toEqual([]);
  });
});

describe('an empty field is the first of its list', () => {
  test.each<[string, Model, object]>([
    [
      'an empty query',
      {},
      { question: 'darkShare', of: 'all', by: '', as: undefined, over: 'time', limit: 10, filters: {} },
    ],
    ['visits', { question: 'visits' }, { question: 'visits', of: undefined, by: '', as: 'count', over: 'time' }],
    ['top pages', { question: 'topPages' }, { over: 'range', by: '' }],
    ['conversions', { question: 'conversions' }, { over: 'range', by: '' }],
    ['empty texts', { question: '' as Question, by: '', limit: 0 }, { question: 'darkShare', limit: 10 }],
    [
      'what is set stays',
      { question: 'visits', as: 'share', by: 'device', over: 'range', limit: 3 },
      { as: 'share', by: 'device', over: 'range', limit: 3 },
    ],
  ])('%s', (_, query, expected) => {
    expect(complete(query)).toMatchObject(expected);
  });
});

describe('asking another question', () => {
  test.each<[string, Model, Question, Model]>([
    ['starts as the question does', {}, 'visits', { question: 'visits', by: 'channel', as: 'count', over: 'time' }],
    ['keeps how it is shown', { over: 'range' }, 'shares', { question: 'shares', by: 'app', over: 'range' }],
    ['not where it cannot be', { over: 'time' }, 'topPages', { question: 'topPages', by: '', over: 'range' }],
    [
      'drops what has no meaning',
      { of: 'social', question: 'darkShare' },
      'shift',
      { question: 'shift', by: '', over: 'time' },
    ],
    [
      'keeps the filters that it has',
      { filters: { site: ['a'], device: ['mobile'] } },
      'topPages',
      { question: 'topPages', by: '', over: 'range', filters: { site: ['a'] } },
    ],
    [
      'keeps what it does not know',
      { refId: 'B', legend: 'x', filters: { later: ['y'] } } as Model,
      'direct',
      { refId: 'B', legend: 'x', question: 'direct', by: '', over: 'time', filters: { later: ['y'] } } as Model,
    ],
  ])('%s', (_, query, question, expected) => {
    expect(ask(query, question)).toEqual(expected);
  });
});

describe('what cannot be answered', () => {
  test.each<[string, Model, Problem[]]>([
    ['nothing, in an empty query', {}, []],
    ['an unknown question', { question: 'sales' as Question }, [{ kind: 'question', value: 'sales' }]],
    [
      'a split that the question has not',
      { question: 'direct', by: 'goal' },
      [{ kind: 'by', value: 'goal', allowed: ['', 'site', 'device'] }],
    ],
    ['a share of nothing', { question: 'visits', as: 'share' }, [{ kind: 'needsBy', value: 'share' }]],
    ['a share with a split', { question: 'visits', as: 'share', by: 'device' }, []],
    ['a field of another question', { question: 'shares', as: 'share', of: 'social' }, []],
    [
      'top pages over time',
      { question: 'topPages', over: 'time' },
      [{ kind: 'over', value: 'time', allowed: ['range'] }],
    ],
    [
      'a filter that the question has not',
      { question: 'topPages', filters: { device: ['mobile'] } },
      [{ kind: 'filter', value: 'device', allowed: ['site', 'page'] }],
    ],
    ['a filter that is empty', { question: 'topPages', filters: { device: [] } }, []],
    [
      'sections on devices',
      { by: 'section', filters: { site: ['a'], device: ['mobile'] } },
      [{ kind: 'together', labels: ['section', 'device'], sets: rulesOf('darkShare').together }],
    ],
    [
      'a source in a section',
      { question: 'visits', filters: { section: ['/'], source: ['whatsapp'] } },
      [{ kind: 'together', labels: ['section', 'source'], sets: rulesOf('visits').together }],
    ],
    ['sections by channel', { question: 'visits', by: 'channel', filters: { section: ['/'], site: ['a'] } }, []],
    [
      'more than there may be',
      { question: 'topPages', limit: MAX_LIMIT + 1 },
      [{ kind: 'limit', value: MAX_LIMIT + 1 }],
    ],
    ['a broken number', { question: 'topPages', limit: 1.5 }, [{ kind: 'limit', value: 1.5 }]],
    ['a limit that is not asked for', { limit: 1000 }, []],
  ])('%s', (_, query, expected) => {
    expect(check(query)).toEqual(expected);
  });

  test('agrees with the table, whatever is combined', () => {
    for (const question of QUESTIONS) {
      const r = rulesOf(question);
      for (const by of r.by as By[]) {
        for (let bits = 0; bits < 1 << r.filters.length; bits++) {
          const set = r.filters.filter((_, i) => bits & (1 << i)) as Filter[];
          const labels = [...(by ? [by] : []), ...set] as string[];
          const counted = r.together.some((t) => labels.every((l) => t.includes(l)));
          const filters = Object.fromEntries(set.map((f) => [f, ['x']]));
          expect([question, by, set, check({ question, by, filters }).length === 0]).toEqual([
            question,
            by,
            set,
            counted,
          ]);
        }
      }
    }
  });
});

test.each<[Model, boolean]>([
  [{}, false],
  [{ by: 'site' }, true],
  [{ question: 'topPages' }, true],
  [{ question: 'visits' }, false],
])('the number is asked for where there are several: %j', (query, expected) => {
  expect(hasLimit(complete(query))).toBe(expected);
});
