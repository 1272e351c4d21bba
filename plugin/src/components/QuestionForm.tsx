import { TimeRange } from '@grafana/data';
import { t } from '@grafana/i18n';
import { EditorRow, EditorRows } from '@grafana/plugin-ui';
import { FieldValidationMessage, Input, Text } from '@grafana/ui';
import React from 'react';

import type { DataSource } from '../datasource';
import { ask, cannotMeet, check, complete, hasLimit, MAX_LIMIT, QUESTIONS, rulesOf, setFilters } from '../questions';
import { problemSentence, sentence } from '../sentence';
import { language } from '../texts';
import { By, DarkSocialQuery, Filter, FILTERS, Question } from '../types';
import { asWord, byWord, filterWord, ofWord, overWord, questionWord, Word } from '../words';
import { Choice } from './Choice';
import { Labelled } from './Labelled';
import { Values } from './Values';

interface Props {
  datasource: DataSource;
  query: DarkSocialQuery;
  onChange: (query: DarkSocialQuery) => void;
  /** Called when the query that was changed to can be answered. */
  onRunQuery: () => void;
  range?: TimeRange;
  /** Whether the question and its form are given, as for annotations. */
  given?: boolean;
}

/** A question in words: what is asked, what for, and the sentence that it makes. */
export function QuestionForm({ datasource, query, onChange, onRunQuery, range, given = false }: Props) {
  const q = complete(query);
  const rules = rulesOf(q.question);
  const filters = setFilters(q.filters);
  const problems = check(query);

  const change = (next: DarkSocialQuery) => {
    onChange(next);
    if (check(next).length === 0) {
      onRunQuery();
    }
  };
  const set = (fields: Partial<DarkSocialQuery>) => change({ ...query, ...fields });
  const filter = (name: Filter, values: string[]) => set({ filters: { ...query.filters, [name]: values } });

  const split = (by: By): Word => {
    const apart = cannotMeet(q.question, by, filters);
    return apart ? { ...byWord(by), description: t('form.by-apart', 'not together with these filters') } : byWord(by);
  };

  return (
    <EditorRows>
      <EditorRow>
        {!given && (
          <Choice<Question>
            label={t('form.question', 'Show')}
            value={q.question}
            choices={QUESTIONS}
            word={questionWord}
            onChange={(question) => change(ask(query, question))}
            minWidth={34}
          />
        )}
        {q.of && (
          <Choice
            label={t('form.of', 'Of')}
            value={q.of}
            choices={rules.of}
            word={ofWord}
            onChange={(of) => set({ of })}
          />
        )}
        {q.as && (
          <Choice
            label={t('form.as', 'As')}
            value={q.as}
            choices={rules.as}
            word={asWord}
            onChange={(as) => set({ as })}
          />
        )}
        {!given && rules.over.length > 1 && (
          <Choice
            label={t('form.over', 'Shown')}
            value={q.over}
            choices={rules.over}
            word={(over) => overWord(over, q.question)}
            onChange={(over) => set({ over })}
          />
        )}
        {q.question !== 'topPages' && (
          <Choice
            label={t('form.by', 'Split by')}
            value={q.by}
            choices={rules.by}
            word={split}
            onChange={(by) => set({ by })}
            minWidth={20}
          />
        )}
        {hasLimit(q) && !given && <Limit value={q.limit} onChange={(limit) => set({ limit })} />}
      </EditorRow>
      <EditorRow>
        {FILTERS.filter((f) => rules.filters.includes(f) || filters.includes(f)).map((f) => (
          <Values
            key={f}
            datasource={datasource}
            of={f}
            label={filterWord(f)}
            value={q.filters[f] ?? []}
            onChange={(values) => filter(f, values)}
            site={f === 'site' ? undefined : q.filters.site}
            range={range}
          />
        ))}
      </EditorRow>
      <EditorRow>
        <div role="status">
          {problems.length === 0 ? (
            <Text color="secondary">{sentence(query, language())}</Text>
          ) : (
            problems.map((problem, i) => (
              <FieldValidationMessage key={i}>{problemSentence(query, problem, language())}</FieldValidationMessage>
            ))
          )}
        </div>
      </EditorRow>
    </EditorRows>
  );
}

function Limit({ value, onChange }: { value: number; onChange: (limit: number) => void }) {
  return (
    <Labelled label={t('form.limit', 'At most')}>
      {(tie) => (
        <Input
          // What is typed counts when it is done, so that 25 is not asked for as 2 first.
          key={value}
          {...tie}
          type="number"
          min={1}
          max={MAX_LIMIT}
          width={10}
          defaultValue={value}
          onBlur={(event) => {
            const limit = event.currentTarget.valueAsNumber;
            if (!Number.isNaN(limit) && limit !== value) {
              onChange(limit);
            }
          }}
        />
      )}
    </Labelled>
  );
}
