// Package web is the HTTP side of the serve command: metrics, health, reload and a
// landing page, with TLS and basic authentication by the web configuration file
// that all Prometheus exporters share.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	toolkit "github.com/prometheus/exporter-toolkit/web"
)

const (
	// What a client may take for its request. Scrapes are small; the idle time is
	// more than the longest scrape interval in use, so that connections are kept.
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 2 * time.Minute
	idleTimeout       = 5 * time.Minute
	maxHeaderBytes    = 64 << 10
	// shutdownTimeout is for how long the end waits for requests under way.
	shutdownTimeout = 5 * time.Second
)

// Options are what a Server serves.
type Options struct {
	// Flags says where to listen and how, as AddFlags makes it.
	Flags *toolkit.FlagConfig
	// Metrics serves /metrics.
	Metrics http.Handler
	// Reload reloads the configuration, at POST and PUT /-/reload; its error is the
	// answer. It may be called several times at once. Nil is no such endpoint.
	Reload func() error
	// Landing serves the root. Nil is a page of links.
	Landing http.Handler
	// Version is shown on the page of links.
	Version string
	// Logger takes what the server has to say. Nil is slog.Default().
	Logger *slog.Logger
}

// A Server serves one process. Make it with New, give it further handlers with
// Handle, then Run it, once.
type Server struct {
	opts    Options
	mux     *http.ServeMux
	links   []Link
	ready   atomic.Bool
	running atomic.Bool

	mu    sync.Mutex
	addrs []net.Addr
}

// New returns a server that is not ready and does not listen yet.
func New(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Server{opts: o, mux: http.NewServeMux()}
	s.Handle("GET /metrics", o.Metrics, Link{"/metrics", "Metrics", "for Prometheus and everything that scrapes like it"})
	s.Handle("GET /-/healthy", http.HandlerFunc(s.healthy), Link{"/-/healthy", "Health", "whether the process answers"})
	s.Handle("GET /-/ready", http.HandlerFunc(s.isReady), Link{"/-/ready", "Readiness", "whether the inputs are being read"})
	if o.Reload != nil {
		s.Handle("POST /-/reload", http.HandlerFunc(s.reload))
		s.Handle("PUT /-/reload", http.HandlerFunc(s.reload))
	}
	return s
}

// Handle adds a handler under a pattern of http.ServeMux, and links to the landing
// page. It panics where ServeMux does, and after Run.
func (s *Server) Handle(pattern string, h http.Handler, links ...Link) {
	if s.running.Load() {
		panic("web: Handle after Run")
	}
	s.mux.Handle(pattern, h)
	s.links = append(s.links, links...)
}

// SetReady says whether the process does its work. Run's end takes it back.
func (s *Server) SetReady(ready bool) { s.ready.Store(ready) }

// Addrs returns the addresses listened on, none before Run does.
func (s *Server) Addrs() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addrs
}

// Run serves until ctx ends, then lets the requests under way finish, for 5
// seconds at most, and returns nil. It returns an error, and stops listening, if
// the web configuration is wrong, if any of the addresses cannot be listened on,
// or if serving fails. An error names the flag that is to blame.
func (s *Server) Run(ctx context.Context) error {
	if s.running.Swap(true) {
		return errors.New("web: a server runs only once")
	}
	handler, err := s.handler()
	if err != nil {
		return err
	}
	if file := *s.opts.Flags.WebConfigFile; file != "" {
		if err := toolkit.Validate(file); err != nil {
			return fmt.Errorf("--%s=%s: %w", flagConfigFile, file, err)
		}
	}
	listeners, err := listen(s.opts.Flags)
	if err != nil {
		return err
	}
	s.setAddrs(listeners)

	ended := make(chan error, len(listeners))
	servers := make([]*http.Server, len(listeners))
	for i, l := range listeners {
		// One for each, because toolkit.Serve writes into the server.
		servers[i] = s.server(handler)
		go func() { ended <- toolkit.Serve(l, servers[i], s.opts.Flags, s.opts.Logger) }()
	}
	running := len(listeners)
	select {
	case <-ctx.Done():
	case err = <-ended:
		running--
	}
	s.SetReady(false)
	s.shutdown(servers, listeners)
	for range running {
		if e := <-ended; !errors.Is(e, http.ErrServerClosed) && !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}

func (s *Server) setAddrs(listeners []net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range listeners {
		s.addrs = append(s.addrs, l.Addr())
	}
}

func (s *Server) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.opts.Logger.Handler(), slog.LevelWarn),
	}
}

// shutdown ends the servers together. A request that does not finish is cut off.
func (s *Server) shutdown(servers []*http.Server, listeners []net.Listener) {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	var wg sync.WaitGroup
	for i, server := range servers {
		wg.Go(func() {
			if err := server.Shutdown(ctx); err != nil {
				s.opts.Logger.Warn("Requests were cut off at the end", "address", listeners[i].Addr().String(), "err", err)
				_ = server.Close()
			}
			// It may not have come as far as serving.
			_ = listeners[i].Close()
		})
	}
	wg.Wait()
}

// listen opens all the listeners, or none.
func listen(flags *toolkit.FlagConfig) (listeners []net.Listener, err error) {
	if flags.WebSystemdSocket != nil && *flags.WebSystemdSocket {
		listeners, err = activation.Listeners()
		if err == nil && len(listeners) == 0 {
			err = errors.New("systemd passed no socket")
		}
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", flagSystemdSocket, err)
		}
		return listeners, nil
	}
	if len(*flags.WebListenAddresses) == 0 {
		return nil, fmt.Errorf("--%s: no address", flagListenAddress)
	}
	for _, address := range *flags.WebListenAddresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			for _, l := range listeners {
				_ = l.Close()
			}
			return nil, fmt.Errorf("--%s=%s: %w", flagListenAddress, address, err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}
