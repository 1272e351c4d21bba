package rpc

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/darkshare/darkshare/exporter/stream"
)

// listenAgain is how often an address is tried that cannot be listened on.
const listenAgain = time.Second

// Health joins what an input's listeners say: it is up while all of them are.
type Health struct {
	g    *stream.Gatherer
	mu   sync.Mutex
	down map[string]bool
}

// NewHealth returns the health of an input that listens on the addresses.
func NewHealth(g *stream.Gatherer, addresses ...string) *Health {
	h := &Health{g: g, down: map[string]bool{}}
	for _, a := range addresses {
		h.down[a] = true
	}
	return h
}

func (h *Health) up(address string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.down, address)
	if len(h.down) == 0 {
		h.g.Up()
	}
	h.g.Recovered("listen "+address, "listening again", "address", address)
}

func (h *Health) fail(address string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down[address] = true
	h.g.Fail(err)
	h.g.Complain("listen "+address, "cannot listen; trying on", "address", address, "err", err,
		"advice", "give the input another address, or end what has this one")
}

// Listen calls serve with a listener on the address, again and again until ctx is
// done, and returns ctx's error. serve closes the listener.
func Listen(ctx context.Context, address string, h *Health, serve func(net.Listener) error) error {
	for ctx.Err() == nil {
		l, err := net.Listen("tcp", address)
		if err == nil {
			h.up(address)
			err = serve(l)
		}
		if err != nil && ctx.Err() == nil {
			h.fail(address, err)
			again := time.NewTimer(listenAgain)
			select {
			case <-again.C:
			case <-ctx.Done():
			}
			again.Stop()
		}
	}
	return ctx.Err()
}

// Places are how many may be at work at a time.
type Places chan struct{}

// Take takes a place. It returns false where there is none.
func (p Places) Take() bool {
	select {
	case p <- struct{}{}:
		return true
	default:
		return false
	}
}

// Leave gives a place back.
func (p Places) Leave() { <-p }
