package stream

import "context"

// untouched is from how many bytes on the rest of a chunk becomes a block of its own,
// rather than to be copied into one.
const untouched = BlockSize / 8

// emit sends lines of the file's chunk, or adds them to those that will be.
func (m *Merger) emit(ctx context.Context, out chan<- *Block, f *mergeFile, from, to int) error {
	c := f.chunk
	data := c.Data[from:to]
	if b := m.block; b != nil {
		alone := b.Name != f.name && (f.headed || m.touched[0].headed)
		if alone || len(b.Data)+len(data)+1 > len(b.buf) {
			if err := m.flush(ctx, out); err != nil {
				return err
			}
		}
	}
	if to == len(c.Data) && len(data) >= untouched {
		if err := m.flush(ctx, out); err != nil {
			return err
		}
		m.block, c.Block = c.Block, nil
		m.block.Name, m.block.Data = f.name, data
		m.touch(f, to)
		return m.flush(ctx, out)
	}
	if m.block == nil {
		m.block = m.pool.take()
		m.block.Name, m.block.Data = f.name, m.block.buf[:0]
	}
	b := m.block
	if n := len(b.Data); n > 0 && b.Data[n-1] != '\n' {
		b.Data = append(b.Data, '\n') // the last line of a file
	}
	b.Data = append(b.Data, data...)
	m.touch(f, to)
	return nil
}

// touch notes that lines of the file are in the block, up to that place of its chunk.
func (m *Merger) touch(f *mergeFile, to int) {
	f.taken = f.chunk.offset(to)
	if !f.isTouched {
		f.isTouched = true
		m.touched = append(m.touched, f)
	}
}

// flush sends the block, where there is one.
func (m *Merger) flush(ctx context.Context, out chan<- *Block) error {
	b := m.block
	if b == nil {
		return nil
	}
	// Only here is there a wait for the receiver: the open files have their blocks besides
	// those that may be in use.
	if err := m.pool.wait(ctx); err != nil {
		return err
	}
	m.block = nil
	if err := send(ctx, out, b); err != nil {
		b.discard()
		return err
	}
	m.mu.Lock()
	for _, f := range m.touched {
		f.sent, f.isTouched = f.taken, false
	}
	m.mu.Unlock()
	clear(m.touched)
	m.touched = m.touched[:0]
	m.progress()
	return nil
}

func (m *Merger) progress() {
	if m.o.Progress != nil {
		m.o.Progress(m.read, m.total)
	}
}
