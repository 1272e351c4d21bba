import { t } from '@grafana/i18n';

import { Complete, complete, hasLimit, MAX_LIMIT, Problem, QUESTIONS, setFilters } from './questions';
import { plain } from './texts';
import { DarkSocialQuery, Filter, Question } from './types';
import { asWord, byWord, labelWord, ofWord, overWord, questionWord, valueWord } from './words';

/** Says in words what the query will show, e.g. "Dark share of all visits over time, split by device". */
export function sentence(query: Partial<DarkSocialQuery>, language: string): string {
  const q = complete(query);
  const parts = [subject(q), ...setFilters(q.filters).map((f) => filtered(f, q.filters[f] ?? [], language))];
  if (q.by !== '' && q.question !== 'topPages') {
    parts.push(t('sentence.by', 'split by {{label}}', { ...plain, label: labelWord(q.by) }));
    if (hasLimit(q)) {
      parts.push(t('sentence.limit', 'the {{limit}} largest at most', { limit: q.limit }));
    }
  }
  return parts.join(', ');
}

const overTime: Record<Exclude<Question, 'topPages'>, (q: Complete) => string> = {
  darkShare: (q) =>
    q.of === 'social'
      ? t('sentence.dark-share-social', 'Dark share of social visits over time')
      : t('sentence.dark-share', 'Dark share of all visits over time'),
  visits: (q) =>
    ({
      count: t('sentence.visits', 'Number of visits over time'),
      rate: t('sentence.visits-rate', 'Visits per hour over time'),
      share: t('sentence.visits-share', 'Share of the visits over time'),
    })[q.as ?? 'count'],
  shares: () => t('sentence.shares', 'Links shared in apps over time'),
  direct: (q) =>
    q.by === ''
      ? t('sentence.direct', 'What analytics calls “Direct” over time: shared in private, typed, or unknown')
      : t('sentence.direct-by', 'How much of what analytics calls “Direct” was shared in private, over time'),
  conversions: () => t('sentence.conversions', 'Conversion rate over time'),
  shift: () => t('sentence.shift', 'Dark share over time, and what this hour of the week usually shows'),
};

const inTotal: Record<Question, (q: Complete) => string> = {
  darkShare: (q) =>
    q.of === 'social'
      ? t('sentence.dark-share-social-total', 'Dark share of social visits in the time range')
      : t('sentence.dark-share-total', 'Dark share of all visits in the time range'),
  visits: (q) =>
    ({
      count: t('sentence.visits-total', 'Number of visits in the time range'),
      rate: t('sentence.visits-rate-total', 'Visits per hour in the time range'),
      share: t('sentence.visits-share-total', 'Share of the visits in the time range'),
    })[q.as ?? 'count'],
  topPages: (q) =>
    t('sentence.top-pages', 'The {{limit}} pages with the most private visits, their dark share, shares and change', {
      limit: q.limit,
    }),
  shares: () => t('sentence.shares-total', 'Links shared in apps in the time range, and the visits they brought'),
  direct: (q) =>
    q.by === ''
      ? t(
          'sentence.direct-total',
          'What analytics calls “Direct” in the time range: shared in private, typed, or unknown'
        )
      : t(
          'sentence.direct-by-total',
          'How much of what analytics calls “Direct” in the time range was shared in private'
        ),
  conversions: () =>
    t('sentence.conversions-total', 'Conversion rate in the time range, and how private visits compare'),
  shift: () => t('sentence.shift-total', 'Shifts of the dark share in the time range, each with a sentence'),
};

function subject(q: Complete): string {
  const say = q.over === 'range' || q.question === 'topPages' ? inTotal[q.question] : overTime[q.question];
  return say?.(q) ?? q.question;
}

function filtered(filter: Filter, values: string[], language: string): string {
  const list = either(
    values.filter((v) => v !== '').map((v) => valueWord(filter, v)),
    language
  );
  switch (filter) {
    case 'site':
      return t('sentence.site', 'for {{list}}', { ...plain, list });
    case 'section':
      return t('sentence.section', 'in the section {{list}}', { ...plain, list });
    case 'page':
      return t('sentence.page', 'on the page {{list}}', { ...plain, list });
    case 'device':
      return t('sentence.device', 'on {{list}}', { ...plain, list });
    case 'channel':
      return t('sentence.channel', 'through {{list}}', { ...plain, list });
    default:
      return t('sentence.source', 'from {{list}}', { ...plain, list });
  }
}

function either(words: string[], language: string): string {
  return new Intl.ListFormat(language, { type: 'disjunction' }).format(words);
}

/** Says what is wrong and what to do about it. */
export function problemSentence(query: Partial<DarkSocialQuery>, problem: Problem, language: string): string {
  const question = complete(query).question;
  const list = (words: string[]) => either(words, language);
  switch (problem.kind) {
    case 'question':
      return t('problem.question', 'There is no question “{{value}}”. Choose {{allowed}}.', {
        ...plain,
        value: problem.value,
        allowed: list(QUESTIONS.map((q) => questionWord(q).label)),
      });
    case 'filter':
      return problem.allowed.length > 0
        ? t(
            'problem.filter',
            '“{{question}}” cannot be filtered by {{label}}. Empty that filter, or filter by {{allowed}}.',
            {
              ...plain,
              question: questionWord(question).label,
              label: labelWord(problem.value),
              allowed: list(problem.allowed.map(labelWord)),
            }
          )
        : t('problem.filter-none', '“{{question}}” cannot be filtered by {{label}}. Empty that filter.', {
            ...plain,
            question: questionWord(question).label,
            label: labelWord(problem.value),
          });
    case 'together': {
      const [a, b] = problem.labels;
      return t('problem.together', 'Visits are not counted by {{a}} and {{b}} together. Leave out one of them.', {
        ...plain,
        a: labelWord(a),
        b: labelWord(b),
      });
    }
    case 'needsBy':
      return t('problem.needs-by', 'A share of the visits needs a split: choose what to split by.');
    case 'limit':
      return t('problem.limit', 'The number must be from 1 to {{max}}.', { max: MAX_LIMIT });
    case 'by':
      return t('problem.by', '“{{question}}” cannot be split by {{value}}. Choose {{allowed}}.', {
        ...plain,
        question: questionWord(question).label,
        value: labelWord(problem.value),
        allowed: list(allowedWords(problem, question)),
      });
    default:
      return t('problem.choice', '“{{question}}” cannot be shown as “{{value}}”. Choose {{allowed}}.', {
        ...plain,
        question: questionWord(question).label,
        value: wordOf(problem.kind, problem.value, question),
        allowed: list(allowedWords(problem, question)),
      });
  }
}

function allowedWords(problem: Extract<Problem, { allowed: string[] }>, question: Question): string[] {
  return problem.allowed.map((value) => wordOf(problem.kind, value, question));
}

/** What a choice is called; one that there is not, as it is. */
function wordOf(kind: 'of' | 'by' | 'as' | 'over' | 'filter', value: string, question: Question): string {
  const word = {
    of: ofWord,
    by: byWord,
    as: asWord,
    over: (over: 'time' | 'range') => overWord(over, question),
    filter: (label: string) => ({ label: labelWord(label) }),
  }[kind] as (value: string) => { label: string };
  return word(value).label;
}
