import { useEffect, useRef } from 'react';

/**
 * An onChange that is not called again with what it was called with, or with what there is: the
 * lists of @grafana/ui tell of a choice once more when they are rendered with it. Where each
 * change renders everything anew, as in Explore, that would not end.
 */
export function useOnce<T>(value: T, onChange: (value: T) => void): (value: T) => void {
  const current = JSON.stringify(value);
  const told = useRef(current);
  useEffect(() => {
    told.current = current;
  }, [current]);
  return (next) => {
    const text = JSON.stringify(next);
    if (text !== told.current) {
      told.current = text;
      onChange(next);
    }
  };
}
