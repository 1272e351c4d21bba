package stream

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

// A Start says where a followed file is begun.
type Start uint8

// The starts.
const (
	StartAtEnd Start = iota
	StartAtBeginning
)

// The defaults of FollowOptions.
const (
	DefaultPoll    = time.Second
	DefaultGrace   = time.Minute
	DefaultMaxOpen = 256
)

// FollowOptions are the options of Follow.
type FollowOptions struct {
	Options
	// StartAt is for the files that are there when Run begins and of which Resume
	// knows nothing. Files that come later are read from their beginning, and so
	// are all unknown files where Resume is not nil.
	StartAt Start
	// Resume is where to continue: what Positions returned in an earlier life, nil
	// where there was none.
	Resume []Position
	// Wrapping is what a container runtime puts around each line.
	Wrapping Wrapping
	// Poll is how often files are looked at even without a notification.
	Poll time.Duration
	// NoNotify leaves it at that, for file systems whose changes the kernel does
	// not see, such as NFS.
	NoNotify bool
	// Grace is how long a file that was renamed or deleted is read on after its
	// last record: writers keep it until they are told to open the new one.
	Grace time.Duration
	// MaxOpen is how many files may be open. Sixteen times as many are
	// remembered; those at their end make room for those that grow.
	MaxOpen int
}

func (o *FollowOptions) setDefaults() {
	o.Options.setDefaults()
	o.Poll = cmp.Or(max(o.Poll, 0), DefaultPoll)
	o.Grace = cmp.Or(max(o.Grace, 0), DefaultGrace)
	o.MaxOpen = cmp.Or(max(o.MaxOpen, 0), DefaultMaxOpen)
}

// Follow reads the files that match the globs (path/filepath.Match) as they
// grow, like tail -F.
//
// A file is known by its device and inode and by how it begins, so that it is
// read once under whatever name. A renamed or deleted file is read to its end,
// and for a grace time after it, before the file that took its name. A truncated
// file is read from its start again, and what was missed from the copy beside it,
// where there is one; what is known to be missing is counted as dropped. A line
// waits for its newline, except the last one of a file that is finished for good.
//
// Compressed files (.gz, .zst and the like) are left out, but for the rest of a file
// that was being read when a rotation compressed it. Trouble with a file
// takes the input down, is logged, and is tried again at every poll.
func Follow(globs []string, o FollowOptions) *Follower {
	o.setDefaults()
	f := &Follower{
		globs:   globs,
		o:       o,
		pool:    newPool(&o.Options),
		log:     newThrottle(o.Logger),
		drained: make(chan struct{}, 1),
		byID:    map[identity]*tail{},
		holder:  map[string]*tail{},
		resume:  map[identity]Position{},
	}
	for _, pos := range o.Resume {
		f.resume[pos.identity()] = pos
	}
	if o.Resume != nil {
		// Who saves the Positions before Run has looked at the files forgets none.
		f.publish()
		f.published.clean = false
	}
	return f
}

// A Follower is the Source that Follow returns.
type Follower struct {
	globs []string
	o     FollowOptions
	pool  *pool
	stats Stats
	log   *throttle
	watch *watcher
	tick  *time.Ticker
	// drained says that a file whose end is waited for has no block in use any more.
	drained chan struct{}

	published published

	// What follows belongs to the goroutine of Run; mu lets tests look at it.
	mu     sync.Mutex
	tails  []*tail // in the order of their discovery
	byID   map[identity]*tail
	holder map[string]*tail // who had the path last
	resume map[identity]Position
	// scans counts the scans; the files that the first finds are old ones.
	scans uint64
	// scanned is when the newest scan began, in nanoseconds since the epoch.
	scanned     int64
	looked      time.Time // the last time that was read for that
	open        int
	bytes, rows int64 // read so far, for the length of a line
}

// Stats implements Source.
func (f *Follower) Stats() *Stats { return &f.stats }

// Run implements Source; it ends only with ctx, or at once with an error where a
// glob is malformed.
func (f *Follower) Run(ctx context.Context, out chan<- *Block) error {
	for _, glob := range f.globs {
		if _, err := filepath.Match(glob, ""); err != nil {
			return fmt.Errorf("%q: %w", glob, err)
		}
	}
	f.watch = newWatcher(!f.o.NoNotify, f.globs, f.o.Logger)
	f.tick = time.NewTicker(f.o.Poll)
	defer f.shutdown()

	f.scan()
	for {
		more, err := f.pass(ctx, out)
		if err != nil {
			return err
		}
		if more {
			// Others may have come or gone while there is always something to read.
			select {
			case <-f.watch.changed:
				f.scan()
			case <-f.tick.C:
				f.scan()
			default:
			}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.watch.written:
		case <-f.drained:
		case <-f.watch.changed:
			f.scan()
		case <-f.tick.C:
			f.scan()
		}
	}
}

func (f *Follower) shutdown() {
	f.tick.Stop()
	f.watch.close()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.tails {
		f.close(t)
	}
	f.publish()
	f.stats.up.Store(false)
}

// pass reads at most a block of each file, and reports whether there is more.
func (f *Follower) pass(ctx context.Context, out chan<- *Block) (more bool, err error) {
	var b *Block
	// A scan in between may change the list; what it skips comes in the next pass.
	for i := 0; i < len(f.tails); i++ {
		t := f.tails[i]
		if !f.due(t) {
			continue
		}
		if b == nil {
			if b, err = f.block(ctx); err != nil {
				return false, err
			}
		}
		f.mu.Lock()
		if f.step(t, b) {
			more = true
		}
		f.publish()
		f.mu.Unlock()
		if len(b.Data) > 0 {
			err := f.send(ctx, out, b)
			b = nil
			if err != nil {
				return false, err
			}
		}
	}
	if b != nil {
		b.discard()
	}
	f.tidy()
	return more, nil
}

// block waits for a block and notices rotations meanwhile: a receiver that is
// slow must not make a short-lived file pass unseen.
func (f *Follower) block(ctx context.Context) (*Block, error) {
	for {
		select {
		case <-f.pool.tokens:
			return f.pool.take(), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-f.watch.changed:
			f.scan()
		case <-f.tick.C:
			f.scan()
		}
	}
}

// send is deliver that notices rotations meanwhile.
func (f *Follower) send(ctx context.Context, out chan<- *Block, b *Block) error {
	for {
		select {
		case out <- b:
			return nil
		case <-ctx.Done():
			b.discard()
			return ctx.Err()
		case <-f.watch.changed:
			f.scan()
		case <-f.tick.C:
			f.scan()
		}
	}
}
