import { Combobox, ComboboxOption } from '@grafana/ui';
import React, { useMemo } from 'react';

import { Word } from '../words';
import { Labelled } from './Labelled';
import { useOnce } from './once';

interface Props<T extends string> {
  label: string;
  value: T;
  choices: T[];
  word: (choice: T) => Word;
  onChange: (choice: T) => void;
  minWidth?: number;
}

/** One of a few, each in words. A value that is none of them is shown, so that it can be changed. */
export function Choice<T extends string>({ label, value, choices, word, onChange, minWidth = 12 }: Props<T>) {
  // While the options are the same objects, what is typed to search them stays when a panel has new data.
  const content = JSON.stringify(choices.map((choice) => ({ value: choice, ...word(choice) })));
  const options = useMemo<Array<ComboboxOption<T>>>(() => JSON.parse(content), [content]);
  const choose = useOnce(value, onChange);
  const selected = choices.includes(value) ? value : { value, label: value };
  return (
    <Labelled label={label}>
      {(tie) => (
        <Combobox<T>
          {...tie}
          options={options}
          value={selected}
          onChange={(option) => choose(option.value)}
          width="auto"
          minWidth={minWidth}
          maxWidth={60}
        />
      )}
    </Labelled>
  );
}
