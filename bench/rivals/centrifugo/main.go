// Fans lines out through Centrifugo as `tailcast bench` does through Tailcast: sessions on one channel with history and
// recovery, lines published by the clock over the HTTP API, every session's offsets checked. Prints one JSON object with
// the figures that are compared.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	warmUp   = time.Second
	patience = 10 * time.Second
	opening  = 32
	channel  = "bench"
)

var (
	address   = flag.String("address", "127.0.0.1:8000", "where Centrifugo listens")
	key       = flag.String("key", "bench", "of its HTTP API")
	sessions  = flag.Int("sessions", 1000, "how many follow the channel")
	rate      = flag.Int("rate", 500, "lines a second")
	seconds   = flag.Int("seconds", 8, "how long lines are sent")
	lineBytes = flag.Int("line-bytes", 200, "of each line")
	senders   = flag.Int("connections", 64, "requests under way at most")
	pid       = flag.Int("pid", 0, "of Centrifugo")
)

// What all sessions and senders share.
type run struct {
	began                  time.Time
	head                   atomic.Uint64 // The offset of the last line that was acknowledged.
	acknowledged, refused  atomic.Uint64
	late                   atomic.Uint64
	latency, answers       histogram
	bytes, frames          atomic.Uint64
	wrong, ended           atomic.Uint64
	sessions               []*session
	openingRoom, finishing chan struct{}
}

func main() {
	log.SetFlags(0)
	flag.Parse()
	r := &run{began: time.Now(), openingRoom: make(chan struct{}, opening)}
	r.sessions = make([]*session, *sessions)
	before := usage(*pid)
	var group sync.WaitGroup
	for n := range r.sessions {
		group.Add(1)
		go func() {
			defer group.Done()
			r.openingRoom <- struct{}{}
			defer func() { <-r.openingRoom }()
			opened, err := r.open()
			if err != nil {
				log.Fatalf("a session cannot be opened: %v", err)
			}
			r.sessions[n] = opened
			go opened.follow()
		}()
	}
	group.Wait()
	time.Sleep(2 * time.Second)
	idle := usage(*pid)

	r.send(warmUp)
	r.settle()
	r.latency.clear()
	r.answers.clear()
	server, own, delivered, acknowledged := usage(*pid), usage(os.Getpid()), r.delivered(), r.acknowledged.Load()
	frames, begin := r.frames.Load(), time.Now()
	r.send(time.Duration(*seconds) * time.Second)
	r.settle()
	took := time.Since(begin).Seconds()
	serverAfter, ownAfter := usage(*pid), usage(os.Getpid())
	lines := float64(r.delivered() - delivered)
	figures := map[string]float64{
		"acknowledged/s": float64(r.acknowledged.Load()-acknowledged) / took,
		"delivered/s":    lines / took,
		"latency p50 ms": r.latency.at(0.5),
		"latency p99 ms": r.latency.at(0.99),
		"answer p50 ms":  r.answers.at(0.5),
		"answer p99 ms":  r.answers.at(0.99),
		"lines a frame":  lines / float64(max(r.frames.Load()-frames, 1)),
		"MiB after":      serverAfter.resident / (1 << 20),
		"KiB a session":  (idle.resident - before.resident) / 1024 / float64(*sessions),
		"CPU s":          serverAfter.cpu - server.cpu,
		"CPU s/M":        (serverAfter.cpu - server.cpu) / max(lines, 1) * 1e6,
		"wrong":          float64(r.wrong.Load() + r.ended.Load() + r.missing() + r.refused.Load()),
		"bench CPU s":    ownAfter.cpu - own.cpu,
	}
	text, _ := json.Marshal(figures)
	fmt.Println(string(text))
}

// Sends lines by the clock: what cannot be sent in time is late, and its latency counts from the time at which it was due.
func (r *run) send(during time.Duration) {
	total := int64(float64(*rate) * during.Seconds())
	began, next := time.Now(), int64(-1)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: *senders, DisableCompression: true}}
	var group sync.WaitGroup
	for range *senders {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				n := atomic.AddInt64(&next, 1)
				if n >= total || time.Since(began) > during+time.Second {
					return
				}
				due := began.Add(time.Duration(n) * time.Second / time.Duration(*rate))
				time.Sleep(time.Until(due))
				r.publish(client, due)
			}
		}()
	}
	group.Wait()
}

func (r *run) publish(client *http.Client, due time.Time) {
	line := fmt.Sprintf(`{"t":%d,"message":"`, due.UnixNano())
	line += strings.Repeat("request handled in 17 ms ", *lineBytes/24+1)[:*lineBytes-len(line)-2] + `"}`
	body := fmt.Sprintf(`{"channel":"%s","data":%s}`, channel, line)
	request, _ := http.NewRequest("POST", "http://"+*address+"/api/publish", strings.NewReader(body))
	request.Header.Set("X-API-Key", *key)
	response, err := client.Do(request)
	if err != nil {
		r.refused.Add(1)
		return
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	var answer struct {
		Result struct{ Offset uint64 }
		Error  any
	}
	if json.Unmarshal(text, &answer) != nil || answer.Error != nil || answer.Result.Offset == 0 {
		r.refused.Add(1)
		return
	}
	r.answers.add(time.Since(due))
	r.acknowledged.Add(1)
	for {
		head := r.head.Load()
		if head >= answer.Result.Offset || r.head.CompareAndSwap(head, answer.Result.Offset) {
			return
		}
	}
}

// Waits until every session has what was acknowledged, or nothing more comes for a while.
func (r *run) settle() {
	seen, since := uint64(0), time.Now()
	for r.missing() > 0 && time.Since(since) < patience {
		if now := r.bytes.Load(); now != seen {
			seen, since = now, time.Now()
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (r *run) delivered() (sum uint64) {
	for _, one := range r.sessions {
		sum += one.got.Load()
	}
	return sum
}

func (r *run) missing() (sum uint64) {
	for _, one := range r.sessions {
		if cursor := one.cursor.Load(); cursor < r.head.Load() {
			sum += r.head.Load() - cursor
		}
	}
	return sum
}

// One WebSocket connection. The offset of the last line it got, and how many came.
type session struct {
	run         *run
	connection  net.Conn
	cursor, got atomic.Uint64
	buffer      []byte
	have        int
}

func (r *run) open() (*session, error) {
	connection, err := net.DialTimeout("tcp", *address, patience)
	if err != nil {
		return nil, err
	}
	s := &session{run: r, connection: connection, buffer: make([]byte, 64<<10)}
	fmt.Fprintf(connection, "GET /connection/websocket HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGFpbGNhc3QgYmVuY2ghIQ==\r\n\r\n", *address)
	connection.SetReadDeadline(time.Now().Add(patience))
	for {
		if err := s.read(); err != nil {
			return nil, err
		}
		if end := bytes.Index(s.buffer[:s.have], []byte("\r\n\r\n")); end >= 0 {
			if !bytes.HasPrefix(s.buffer, []byte("HTTP/1.1 101")) {
				return nil, fmt.Errorf("%.60s", s.buffer[:s.have])
			}
			s.have = copy(s.buffer, s.buffer[end+4:s.have])
			break
		}
	}
	s.write(1, `{"id":1,"connect":{}}`+"\n"+`{"id":2,"subscribe":{"channel":"`+channel+`"}}`)
	subscribed := false
	for !subscribed {
		if err := s.read(); err != nil {
			return nil, err
		}
		err := s.messages(func(text []byte) error {
			var reply struct {
				ID        int
				Subscribe *struct{ Offset uint64 }
				Error     *struct{ Message string }
			}
			if err := json.Unmarshal(text, &reply); err != nil {
				return err
			}
			if reply.Error != nil {
				return fmt.Errorf("%s", reply.Error.Message)
			}
			if reply.Subscribe != nil {
				s.cursor.Store(reply.Subscribe.Offset)
				subscribed = true
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	connection.SetReadDeadline(time.Time{})
	return s, nil
}

// Looks at what comes until the connection ends.
func (s *session) follow() {
	for {
		err := s.read()
		if err == nil {
			err = s.messages(s.message)
		}
		if err != nil {
			s.run.ended.Add(1)
			return
		}
	}
}

func (s *session) message(text []byte) error {
	if bytes.Equal(text, []byte("{}")) {
		s.write(1, "{}")
		return nil
	}
	at := bytes.LastIndex(text, []byte(`"offset":`))
	if at < 0 {
		return nil
	}
	offset := number(text[at+9:])
	cursor := s.cursor.Load()
	if offset != cursor+1 {
		s.run.wrong.Add(1)
	}
	s.cursor.Store(max(cursor, offset))
	s.got.Add(1)
	if at := bytes.Index(text, []byte(`{"t":`)); at >= 0 {
		s.run.latency.add(time.Since(time.Unix(0, int64(number(text[at+5:])))))
	}
	return nil
}

func number(text []byte) (value uint64) {
	for _, digit := range text {
		if digit < '0' || digit > '9' {
			return value
		}
		value = value*10 + uint64(digit-'0')
	}
	return value
}

func (s *session) read() error {
	if s.have == len(s.buffer) {
		s.buffer = append(s.buffer, make([]byte, len(s.buffer))...)
	}
	count, err := s.connection.Read(s.buffer[s.have:])
	s.have += count
	return err
}

// Takes each whole frame; a frame has one message a line.
func (s *session) messages(take func([]byte) error) error {
	rest := s.buffer[:s.have]
	for len(rest) >= 2 {
		length, head := int(rest[1]), 2
		switch {
		case length == 126 && len(rest) >= 4:
			length, head = int(rest[2])<<8|int(rest[3]), 4
		case length == 127 && len(rest) >= 10:
			length, head = int(rest[6])<<24|int(rest[7])<<16|int(rest[8])<<8|int(rest[9]), 10
		}
		if (length == 126 && head == 2) || (length == 127 && head == 2) || len(rest) < head+length {
			break
		}
		text := rest[head : head+length]
		switch rest[0] & 0x0f {
		case 1:
			s.run.frames.Add(1)
			s.run.bytes.Add(uint64(length))
			for _, one := range bytes.Split(bytes.TrimRight(text, "\n"), []byte("\n")) {
				if err := take(one); err != nil {
					return err
				}
			}
		case 8:
			return fmt.Errorf("closed: %s", text)
		case 9:
			s.write(10, string(text))
		}
		rest = rest[head+length:]
	}
	s.have = copy(s.buffer, rest)
	return nil
}

func (s *session) write(opcode byte, text string) {
	frame := []byte{0x80 | opcode, 0x80 | byte(len(text)), 0, 0, 0, 0}
	if len(text) > 125 {
		frame = []byte{0x80 | opcode, 0x80 | 126, byte(len(text) >> 8), byte(len(text)), 0, 0, 0, 0}
	}
	s.connection.Write(append(frame, text...))
}

type used struct{ cpu, resident float64 }

func usage(pid int) (found used) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return found
	}
	members := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	ticks := func(nth int) float64 { value, _ := strconv.ParseFloat(members[nth], 64); return value }
	return used{cpu: (ticks(11) + ticks(12)) / 100, resident: ticks(21) * float64(os.Getpagesize())}
}
