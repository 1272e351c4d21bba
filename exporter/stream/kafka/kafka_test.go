package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/stream/internal/streamtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const topic, parts = "requests", 6

// cluster starts brokers within the process.
func cluster(t testing.TB, o ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(parts, topic)}, o...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// quick makes the group's rounds short.
var quick = []kgo.Opt{
	kgo.HeartbeatInterval(50 * time.Millisecond), kgo.FetchMaxWait(100 * time.Millisecond),
	kgo.MetadataMinAge(10 * time.Millisecond), kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
}

func options(c *kfake.Cluster) Options {
	return Options{Brokers: c.ListenAddrs(), Topic: topic, StartAt: stream.StartAtBeginning, CommitEvery: 50 * time.Millisecond, client: quick}
}

func receiver(t testing.TB, o Options) *Receiver {
	t.Helper()
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A producer writes numbered records, keyed by visitor.
type producer struct {
	t      testing.TB
	client *kgo.Client
	n      int
}

func produce(t testing.TB, brokers []string, o ...kgo.Opt) *producer {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(topic)}, o...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &producer{t: t, client: client}
}

func (p *producer) send(n int) {
	p.t.Helper()
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{Key: fmt.Append(nil, "visitor ", p.n%100), Value: fmt.Append(nil, "record ", p.n)}
		p.n++
	}
	if err := p.client.ProduceSync(p.t.Context(), records...).FirstErr(); err != nil {
		p.t.Fatal(err)
	}
}

func count(sink *streamtest.Sink, n int) func() string {
	return func() string {
		if got := sink.Len(); got != n {
			return fmt.Sprintf("%d records, want %d", got, n)
		}
		return ""
	}
}

// committed returns the sum of the offsets that the group has committed: how many
// records that is.
func committed(t testing.TB, c *kfake.Cluster) (n int64) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	q := kmsg.NewPtrOffsetFetchRequest()
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = DefaultGroup
	q.Group = DefaultGroup
	q.Groups = append(q.Groups, g)
	a, err := q.RequestWith(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range a.Groups {
		for _, topic := range g.Topics {
			for _, p := range topic.Partitions {
				n += max(p.Offset, 0)
			}
		}
	}
	return n
}

func TestReceive(t *testing.T) {
	c := cluster(t)
	p := produce(t, c.ListenAddrs())
	p.send(500)
	r := receiver(t, options(c))
	sink := streamtest.Run(t, r, streamtest.Options{})
	streamtest.Eventually(t, count(sink, 500))
	p.send(500)
	streamtest.Eventually(t, count(sink, 1000))
	// A visitor's records come in their order.
	last := map[int]int{}
	for _, line := range sink.Lines() {
		var n int
		if _, err := fmt.Sscanf(line, "record %d", &n); err != nil {
			t.Fatal(line)
		}
		if before, ok := last[n%100]; ok && before >= n {
			t.Fatalf("visitor %d: %d after %d", n%100, n, before)
		}
		last[n%100] = n
	}
	streamtest.Eventually(t, func() string {
		if n := committed(t, c); n != 1000 {
			return fmt.Sprintf("%d committed", n)
		}
		return ""
	})
	var sum int64
	for _, p := range r.Positions() {
		sum += p.Offset
	}
	if sum != 1000 || !r.Stats().Up() || sink.Twice() != 0 {
		t.Errorf("positions %v, up %v, %d twice", r.Positions(), r.Stats().Up(), sink.Twice())
	}
}

func TestValues(t *testing.T) {
	c := cluster(t)
	p := produce(t, c.ListenAddrs())
	for value, want := range map[string]string{"one": "one", "two\n": "two", "three\nfour": "three|four", "five\nsix\n": "five|six", "": "", "\n": ""} {
		o := options(c)
		o.Group = fmt.Sprintf("group %q", value)
		o.StartAt = stream.StartAtEnd
		r := receiver(t, o)
		sink := streamtest.Run(t, r, streamtest.Options{})
		streamtest.Eventually(t, func() string {
			if !r.Stats().Up() {
				return "not in the group"
			}
			return ""
		})
		time.Sleep(100 * time.Millisecond) // its end is looked up when it begins to read
		if err := p.client.ProduceSync(t.Context(), &kgo.Record{Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		streamtest.Eventually(t, func() string {
			if got := strings.Join(sink.Lines(), "|"); got != want || sink.Len() == 0 {
				return fmt.Sprintf("%q: %q, want %q", value, got, want)
			}
			return ""
		})
		sink.Stop()
	}
}

// What has not been counted is not committed.
func TestCommitAfterCounting(t *testing.T) {
	c := cluster(t)
	p := produce(t, c.ListenAddrs())
	r := receiver(t, options(c))
	sink := streamtest.Run(t, r, streamtest.Options{})
	p.send(100)
	streamtest.Eventually(t, func() string {
		if n := committed(t, c); n != 100 {
			return fmt.Sprintf("%d committed, want 100", n)
		}
		return ""
	})
	sink.Pause()
	p.send(1000)
	time.Sleep(400 * time.Millisecond) // eight rounds of commits
	if n := committed(t, c); n != 100 {
		t.Errorf("%d committed, 100 counted", n)
	}
	sink.Resume()
	streamtest.Eventually(t, func() string {
		if n := committed(t, c); n != 1100 {
			return fmt.Sprintf("%d committed, want 1100", n)
		}
		return ""
	})
	if sink.Len() != 1100 {
		t.Errorf("%d counted", sink.Len())
	}
}

// An orderly end commits what was counted, and the next run goes on behind it, in
// the middle of the stream.
func TestRestart(t *testing.T) {
	c := cluster(t)
	p := produce(t, c.ListenAddrs())
	stop := make(chan struct{})
	var producing sync.WaitGroup
	producing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				p.send(50)
			}
		}
	})
	seen := map[string]int{}
	for range 5 {
		o := options(c)
		o.CommitEvery = time.Hour // only at the end
		sink := streamtest.Run(t, receiver(t, o), streamtest.Options{})
		streamtest.Eventually(t, func() string {
			if sink.Len() < 100 {
				return "nothing comes"
			}
			return ""
		})
		sink.Stop()
		for _, line := range sink.Lines() {
			seen[line]++
		}
	}
	close(stop)
	producing.Wait()
	sink := streamtest.Run(t, receiver(t, options(c)), streamtest.Options{})
	all := func() string {
		if n := len(seen) + sink.Len(); n != p.n {
			return fmt.Sprintf("%d counted, %d sent", n, p.n)
		}
		return ""
	}
	streamtest.Eventually(t, all)
	for _, line := range sink.Lines() {
		seen[line]++
	}
	for line, n := range seen {
		if n != 1 {
			t.Fatalf("%s was counted %d times", line, n)
		}
	}
}

var errKilled = errors.New("killed")

// A consumer that is killed between counting and committing loses nothing. Without a
// state file, what it had not committed is counted again; with one, nothing is.
func TestKilled(t *testing.T) {
	for _, state := range []bool{false, true} {
		t.Run(fmt.Sprintf("state %v", state), func(t *testing.T) {
			c := cluster(t)
			p := produce(t, c.ListenAddrs())
			var (
				killed atomic.Bool
				r      *Receiver
				mu     sync.Mutex
				saved  []stream.Position
			)
			o := options(c)
			o.BeforeCommit = func(context.Context) error {
				if killed.Load() {
					return errKilled
				}
				return nil
			}
			r = receiver(t, o)
			sink := streamtest.Run(t, r, streamtest.Options{})
			p.send(1000)
			streamtest.Eventually(t, func() string {
				if n := committed(t, c); n != 1000 {
					return fmt.Sprintf("%d committed, want 1000", n)
				}
				return ""
			})
			killed.Store(true) // from here on nothing is committed
			p.send(500)
			streamtest.Eventually(t, count(sink, 1500))
			streamtest.Eventually(t, func() string { // the file, written with the counters
				mu.Lock()
				defer mu.Unlock()
				saved = r.Positions()
				var n int64
				for _, p := range saved {
					n += p.Offset
				}
				if n != 1500 {
					return fmt.Sprintf("positions of %d", n)
				}
				return ""
			})
			sink.Stop()
			if n := committed(t, c); n != 1000 {
				t.Fatalf("%d committed after the kill", n)
			}

			o = options(c)
			again := 500
			if state {
				o.Resume, again = saved, 0
			}
			r = receiver(t, o)
			next := streamtest.Run(t, r, streamtest.Options{})
			p.send(250)
			streamtest.Eventually(t, count(next, again+250))
			streamtest.Eventually(t, func() string {
				if n := committed(t, c); n != 1750 {
					return fmt.Sprintf("%d committed, want 1750", n)
				}
				return ""
			})
			seen := map[string]bool{}
			for _, line := range append(sink.Lines(), next.Lines()...) {
				seen[line] = true
			}
			if len(seen) != 1750 || next.Len() != again+250 {
				t.Errorf("%d different records of 1750, %d counted by the next run", len(seen), next.Len())
			}
		})
	}
}

// A state file that is behind the group is of no use: another consumer has gone on.
func TestResumeBehind(t *testing.T) {
	c := cluster(t)
	p := produce(t, c.ListenAddrs())
	p.send(600)
	first := receiver(t, options(c))
	sink := streamtest.Run(t, first, streamtest.Options{})
	streamtest.Eventually(t, count(sink, 600))
	sink.Stop()
	o := options(c)
	for n := range int32(parts) {
		o.Resume = append(o.Resume, stream.Position{Path: fmt.Sprintf("%s/%d", topic, n), Offset: 1})
	}
	next := streamtest.Run(t, receiver(t, o), streamtest.Options{})
	p.send(10)
	streamtest.Eventually(t, count(next, 10))
}

func TestPositions(t *testing.T) {
	for _, k := range []key{{"a", 0}, {"a/b", 7}, {"with.dots-and_more", 1<<31 - 1}} {
		o := kgo.EpochOffset{Epoch: -1, Offset: 1 << 40}
		if k2, o2, ok := at(k.position(o)); !ok || k2 != k || o2 != o {
			t.Errorf("%v %v: %v %v %v", k, o, k2, o2, ok)
		}
	}
	for _, path := range []string{"", "a", "/1", "a/", "a/x", "a/-1", "a/99999999999"} {
		if _, _, ok := at(stream.Position{Path: path}); ok {
			t.Errorf("%q is a position", path)
		}
	}
}

// Consumers that come and go while records flow: all are counted, each once.
func TestRebalance(t *testing.T) {
	for _, instances := range []bool{false, true} {
		t.Run(fmt.Sprintf("instances %v", instances), func(t *testing.T) {
			c := cluster(t)
			p := produce(t, c.ListenAddrs())
			stop := make(chan struct{})
			var producing sync.WaitGroup
			producing.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						p.send(100)
						time.Sleep(time.Millisecond)
					}
				}
			})
			start := func(n int) *streamtest.Sink {
				o := options(c)
				if instances {
					o.Instance = fmt.Sprint("consumer ", n)
				}
				return streamtest.Run(t, receiver(t, o), streamtest.Options{})
			}
			works := func(s *streamtest.Sink) {
				before := s.Len()
				streamtest.Eventually(t, func() string {
					if s.Len() < before+100 {
						return "a consumer has nothing to do"
					}
					return ""
				})
			}
			sinks := []*streamtest.Sink{start(0)}
			works(sinks[0])
			sinks = append(sinks, start(1))
			works(sinks[1])
			works(sinks[0])
			if !instances { // a static member's partitions wait for its session to end
				sinks[0].Stop()
				sinks = append(sinks, start(2))
				works(sinks[2])
				works(sinks[1])
			}
			close(stop)
			producing.Wait()
			streamtest.Eventually(t, func() string {
				n := 0
				for _, s := range sinks {
					n += s.Len()
				}
				if n < p.n {
					return fmt.Sprintf("%d counted, %d sent", n, p.n)
				}
				return ""
			})
			times := map[string]int{}
			for _, s := range sinks {
				s.Stop()
				for _, line := range s.Lines() {
					times[line]++
				}
			}
			twice := 0
			for _, n := range times {
				twice += n - 1
			}
			if len(times) != p.n || twice != 0 {
				t.Errorf("%d different records of %d, %d counted twice", len(times), p.n, twice)
			}
		})
	}
}

// TestPositionsKept: how far a partition was counted is known before it is given to this
// consumer, while it has it, and when it is gone; and it is never gone back behind.
func TestPositionsKept(t *testing.T) {
	k := key{"a", 1}
	of := map[string][]int32{"a": {1}}
	next := func(offset int64) kgo.EpochOffset { return kgo.EpochOffset{Offset: offset} }
	p := newPartitions([]stream.Position{k.position(next(100))})
	check := func(when string, committed, position, begin int64) {
		t.Helper()
		got := p.positions()
		if len(got) != 1 || got[0] != k.position(next(position)) {
			t.Errorf("%s: %v, want %d", when, got, position)
		}
		topics := map[string]map[int32]kgo.Offset{"a": {1: kgo.NewOffset().At(committed)}}
		if _, err := p.resume(t.Context(), topics); err != nil || topics["a"][1].EpochOffset().Offset != begin {
			t.Errorf("%s: begins at %d, want %d, %v", when, topics["a"][1].EpochOffset().Offset, begin, err)
		}
	}
	check("before", 90, 100, 100)
	p.assign(of)
	check("when it comes", 90, 100, 100)
	s := p.get("a", 1)
	s.read(next(150))
	s.count(next(120))
	check("half counted", 100, 120, 100)
	p.forget(of)
	check("gone", 100, 120, 150)
	s.count(next(150))
	check("counted after it went", 100, 150, 150)
	p.assign(of)
	check("back", 100, 150, 150)
	check("when another has gone on", 900, 150, 900)
}
