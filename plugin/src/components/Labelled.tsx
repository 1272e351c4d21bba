import { Field, Label } from '@grafana/ui';
import React, { useId } from 'react';

interface Props {
  label: string;
  /** What is wrong with what was entered. */
  problem?: string;
  /** The control, made with what ties it to its label. */
  children: (tie: { id: string; 'aria-labelledby': string }) => React.ReactElement;
}

/**
 * A control under its label. Tied both ways: before Grafana 12.4 the lists of several values
 * take no id.
 */
export function Labelled({ label, problem, children }: Props) {
  const id = useId();
  const labelId = useId();
  return (
    <Field
      noMargin
      label={
        <Label id={labelId} htmlFor={id}>
          {label}
        </Label>
      }
      htmlFor={id}
      invalid={problem !== undefined}
      error={problem}
    >
      {children({ id, 'aria-labelledby': labelId })}
    </Field>
  );
}
