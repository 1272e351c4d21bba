import table from './questions.json';
import { As, By, DarkSocialQuery, Filter, FILTERS, Filters, Of, Over, Question } from './types';

/** What goes with a question; questions.json explains the fields, and the back end reads the same file. */
interface Rules {
  of: Of[];
  by: By[];
  as: As[];
  asNeedsBy: As[];
  over: Over[];
  limit: boolean;
  filters: Filter[];
  together: string[][];
  start: Pick<DarkSocialQuery, 'of' | 'by' | 'as' | 'over'>;
}

const rules = table.questions as Record<Question, Rules>;

export const QUESTIONS = Object.keys(rules) as Question[];
export const DEFAULT_LIMIT = table.defaultLimit;
export const MAX_LIMIT = table.maxLimit;

/** The rules of a question; those of the first for one that is not known. */
export function rulesOf(question: string): Rules {
  return rules[isQuestion(question) ? question : QUESTIONS[0]];
}

function isQuestion(question: string): question is Question {
  return Object.hasOwn(rules, question);
}

/** A query with every field that its question has. */
export interface Complete {
  question: Question;
  of?: Of;
  by: By;
  as?: As;
  over: Over;
  limit: number;
  filters: Filters;
}

/**
 * What the back end takes the query for: the first of each list where a field is empty. Files,
 * links and other versions have models that no editor made, so that no field is sure to be of its type.
 */
export function complete(query: Partial<DarkSocialQuery>): Complete {
  const question = text(query.question) || QUESTIONS[0];
  const r = rulesOf(question);
  return {
    question,
    of: r.of.length ? text(query.of) || r.of[0] : undefined,
    by: text(query.by) || r.by[0],
    as: r.as.length ? text(query.as) || r.as[0] : undefined,
    over: text(query.over) || r.over[0],
    limit: Number(query.limit) || DEFAULT_LIMIT,
    filters: lists(query.filters),
  };
}

function text<T extends string>(field: T | undefined): T | undefined {
  return typeof field === 'string' ? field : undefined;
}

/** The filters that are there, each as a list: one value may stand without, as for the back end. */
export function lists(filters: Filters | undefined): Filters {
  const all: Filters = {};
  for (const f of FILTERS) {
    const values: unknown = filters?.[f];
    if (typeof values === 'string' || Array.isArray(values)) {
      all[f] = [values].flat().filter((v) => typeof v === 'string');
    }
  }
  return all;
}

/** Whether the number of series or rows is limited, so that the editor asks for it. */
export function hasLimit(q: Complete): boolean {
  return rulesOf(q.question).limit && (q.by !== '' || q.question === 'topPages');
}

/** The filters that are set, in their order. */
export function setFilters(filters: Filters | undefined): Filter[] {
  const all = lists(filters);
  return FILTERS.filter((f) => all[f]?.some((v) => v !== ''));
}

/**
 * The query with another question: as the question starts, with the filters that it allows.
 * What is neither of the model nor of this question stays.
 */
export function ask<Q extends Partial<DarkSocialQuery>>(query: Q, question: Question): Q {
  const r = rulesOf(question);
  const next: Q = {
    ...query,
    question,
    of: r.start.of ?? r.of[0],
    by: r.start.by ?? r.by[0],
    as: r.start.as ?? r.as[0],
    over: r.over.includes(query.over as Over) ? query.over : r.over[0],
  };
  for (const field of ['of', 'as'] as const) {
    if (next[field] === undefined) {
      delete next[field];
    }
  }
  if (query.filters) {
    next.filters = Object.fromEntries(
      Object.entries(query.filters).filter(([f]) => !FILTERS.includes(f as Filter) || r.filters.includes(f as Filter))
    );
  }
  return next;
}

/** Why a query cannot be answered. */
export type Problem =
  | { kind: 'question'; value: string }
  | { kind: 'of' | 'by' | 'as' | 'over'; value: string; allowed: string[] }
  | { kind: 'filter'; value: Filter; allowed: Filter[] }
  | { kind: 'together'; labels: string[]; sets: string[][] }
  | { kind: 'needsBy'; value: As }
  | { kind: 'limit'; value: number };

/** Everything that keeps the query from being answered, in the order of the form. */
export function check(query: Partial<DarkSocialQuery>): Problem[] {
  const q = complete(query);
  if (!isQuestion(q.question)) {
    return [{ kind: 'question', value: q.question }];
  }
  const r = rules[q.question];
  const problems: Problem[] = [];
  for (const field of ['of', 'as', 'over', 'by'] as const) {
    const value = q[field];
    const allowed: string[] = r[field];
    if (value !== undefined && allowed.length > 0 && !allowed.includes(value)) {
      problems.push({ kind: field, value, allowed });
    }
  }
  if (q.as && q.by === '' && r.asNeedsBy.includes(q.as)) {
    problems.push({ kind: 'needsBy', value: q.as });
  }
  const filters = setFilters(q.filters);
  for (const value of filters) {
    if (!r.filters.includes(value)) {
      problems.push({ kind: 'filter', value, allowed: r.filters });
    }
  }
  const apart = cannotMeet(q.question, q.by, filters);
  if (problems.length === 0 && apart) {
    problems.push({ kind: 'together', labels: apart, sets: r.together });
  }
  const limit = query.limit;
  if (limit && hasLimit(q) && !(Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT)) {
    problems.push({ kind: 'limit', value: limit });
  }
  return problems;
}

/** Two labels of the query that nothing counts together, or undefined. */
export function cannotMeet(question: Question, by: By, filters: Filter[]): string[] | undefined {
  const { together } = rulesOf(question);
  const labels: string[] = [...new Set<string>([...(by ? [by] : []), ...filters])];
  const meet = (some: string[]) => together.some((set) => some.every((label) => set.includes(label)));
  if (meet(labels)) {
    return undefined;
  }
  for (const [i, a] of labels.entries()) {
    const b = labels.slice(i + 1).find((other) => !meet([a, other]));
    if (b) {
      return [a, b];
    }
  }
  return labels;
}
