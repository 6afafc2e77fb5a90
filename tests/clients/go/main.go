// franz-go against the broker at $BOOTSTRAP: a line per case, and an exit code that says whether all passed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const big = 10 << 20

var (
	brokers = strings.Split(os.Getenv("BOOTSTRAP"), ",")
	// replicas that topics have: as many as they may, up to three.
	replicas       = int16(min(len(brokers), 3))
	manyPartitions = map[bool]int{true: 1000, false: 300}[len(brokers) == 1]
)

// run is at the end of every topic name, so that the suite can run twice against one broker.
var run = fmt.Sprintf("-%d", os.Getpid())

type testCase struct {
	name string
	body func(ctx context.Context)
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "churn" {
		churn(os.Args[2:])
		return
	}
	failed := 0
	for _, c := range cases {
		started := time.Now()
		if problem := attempt(c); problem != nil {
			failed++
			fmt.Printf("FAIL franz-go: %s\n%v\n", c.name, problem)
		} else {
			fmt.Printf("PASS franz-go: %s (%.1f s)\n", c.name, time.Since(started).Seconds())
		}
	}
	fmt.Printf("franz-go: %d passed, %d failed\n", len(cases)-failed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

// attempt runs one case; what it panics with is its failure.
func attempt(c testCase) (problem any) {
	defer func() { problem = recover() }()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	c.body(ctx)
	return nil
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func equal(what string, got, wanted any) {
	if !reflect.DeepEqual(got, wanted) {
		panic(fmt.Sprintf("%s: wanted %v, got %v", what, wanted, got))
	}
}

func fails(what string, got, wanted error) {
	if !errors.Is(got, wanted) {
		panic(fmt.Sprintf("%s: wanted %v, got %v", what, wanted, got))
	}
}

func client(options ...kgo.Opt) *kgo.Client {
	// A broker that does not know a new topic yet is asked again soon.
	all := append([]kgo.Opt{kgo.SeedBrokers(brokers...), kgo.MetadataMinAge(20 * time.Millisecond)}, options...)
	return must(kgo.NewClient(all...))
}

func admin() *kadm.Client { return kadm.NewClient(client()) }

// create makes a topic and returns its whole name.
func create(ctx context.Context, name string, partitions int32, configs map[string]*string) string {
	adm := admin()
	defer adm.Close()
	must(adm.CreateTopic(ctx, partitions, replicas, configs, name+run))
	for {
		details := must(adm.ListTopics(ctx, name+run))
		if topic := details[name+run]; topic.Err == nil && len(topic.Partitions) == int(partitions) {
			return name + run
		}
		if ctx.Err() != nil {
			panic(name + " is not known")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// produce sends the records one after another in one client and returns their offsets.
func produce(ctx context.Context, topic string, records []*kgo.Record, options ...kgo.Opt) []int64 {
	cl := client(append(options, kgo.DefaultProduceTopic(topic))...)
	defer cl.Close()
	results := cl.ProduceSync(ctx, records...)
	must(0, results.FirstErr())
	var offsets []int64
	for _, result := range results {
		offsets = append(offsets, result.Record.Offset)
	}
	return offsets
}

// consume reads count records of partition 0 from the given place on.
func consume(ctx context.Context, topic string, from kgo.Offset, count int, options ...kgo.Opt) []*kgo.Record {
	place := map[string]map[int32]kgo.Offset{topic: {0: from}}
	cl := client(append(options, kgo.ConsumePartitions(place))...)
	defer cl.Close()
	return poll(ctx, cl, count)
}

func poll(ctx context.Context, cl *kgo.Client, count int) []*kgo.Record {
	var records []*kgo.Record
	for len(records) < count {
		fetches := cl.PollFetches(ctx)
		must(0, fetches.Err())
		records = append(records, fetches.Records()...)
	}
	equal("records read", len(records), count)
	return records
}

func values(count int) (records []*kgo.Record) {
	for n := range count {
		records = append(records, &kgo.Record{Value: fmt.Appendf(nil, "value %d", n), Timestamp: time.UnixMilli(int64(1_000_000 + n*1_000))})
	}
	return records
}

func sequence(from, to int64) (numbers []int64) {
	for n := from; n < to; n++ {
		numbers = append(numbers, n)
	}
	return numbers
}

func text(value string) *string { return &value }
