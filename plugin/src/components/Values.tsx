import { TimeRange } from '@grafana/data';
import { t } from '@grafana/i18n';
import { ComboboxOption, MultiCombobox } from '@grafana/ui';
import React, { useCallback, useRef, useState } from 'react';

import type { DataSource } from '../datasource';
import { plain } from '../texts';
import { Label } from '../types';
import { valueWord } from '../words';
import { Labelled } from './Labelled';
import { useOnce } from './once';

interface Props {
  datasource: DataSource;
  /** What is listed. */
  of: Label;
  label: string;
  value: string[];
  onChange: (values: string[]) => void;
  /** Only values seen on these sites, in this time. */
  site?: string[];
  range?: TimeRange;
}

// More than that nobody reads; typing finds the rest.
const MOST = 200;

/** Some of a label's values, from the data; dashboard variables and values not seen yet as well. */
export function Values({ datasource, of, label, value, onChange, site, range }: Props) {
  const [failed, setFailed] = useState<string>();
  const known = useRef<{ key: string; values: Promise<string[]> }>(undefined);

  const choose = useOnce(value, onChange);

  const load = useCallback(
    (input: string) => {
      const minute = (at?: { valueOf(): number }) => (at ? Math.floor(at.valueOf() / 60_000) : 0);
      const key = JSON.stringify([of, site, minute(range?.from), minute(range?.to)]);
      // One request while the menu is open, not one per letter.
      if (known.current?.key !== key) {
        known.current = {
          key,
          values: datasource.values(of, site, range).then(
            (values) => {
              setFailed(undefined);
              return values;
            },
            (reason) => {
              known.current = undefined;
              setFailed(reason?.data?.message ?? reason?.message ?? String(reason));
              return [];
            }
          ),
        };
      }
      return known.current.values.then((values) => matching(options(of, values, datasource.variableNames()), input));
    },
    [datasource, of, site, range]
  );

  const problem =
    failed === undefined
      ? undefined
      : t('values.failed', 'The values could not be read, but can be typed: {{reason}}', { ...plain, reason: failed });

  return (
    <Labelled label={label} problem={problem}>
      {(tie) => (
        <MultiCombobox<string>
          {...tie}
          options={load}
          value={value.map((v) => option(of, v))}
          onChange={(chosen) => choose(chosen.map((o) => o.value))}
          placeholder={t('values.all', 'all')}
          createCustomValue
          customValueDescription={t('values.custom', 'As typed')}
          isClearable
          width="auto"
          minWidth={20}
          maxWidth={60}
        />
      )}
    </Labelled>
  );
}

function option(of: Label, value: string): ComboboxOption<string> {
  const label = valueWord(of, value);
  return label === value ? { value, label } : { value, label, description: value };
}

function options(of: Label, values: string[], variables: string[]): Array<ComboboxOption<string>> {
  return [
    ...variables.map((value) => ({ value, label: value, description: t('values.variable', 'Dashboard variable') })),
    ...values.map((value) => option(of, value)),
  ];
}

function matching(all: Array<ComboboxOption<string>>, input: string): Array<ComboboxOption<string>> {
  const wanted = input.toLowerCase();
  return all
    .filter((o) => o.value.toLowerCase().includes(wanted) || o.label?.toLowerCase().includes(wanted))
    .slice(0, MOST);
}
