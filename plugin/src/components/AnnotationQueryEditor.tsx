import { QueryEditorProps } from '@grafana/data';
import React from 'react';

import { SHIFTS } from '../annotations';
import type { DataSource } from '../datasource';
import { DarkSocialOptions, DarkSocialQuery } from '../types';
import { QuestionForm } from './QuestionForm';

type Props = QueryEditorProps<DataSource, DarkSocialQuery, DarkSocialOptions>;

/** Annotations are the shifts, so that only their split and filters are asked for. */
export function AnnotationQueryEditor({ datasource, query, onChange, onRunQuery, range }: Props) {
  return (
    <QuestionForm
      given
      datasource={datasource}
      query={{ ...query, ...SHIFTS }}
      onChange={onChange}
      onRunQuery={onRunQuery}
      range={range}
    />
  );
}
