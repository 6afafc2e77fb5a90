//! What is varied, and how far.

/// Something that is varied.
pub struct Factor {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub title: &'static str,
    /// What its plot shows.
    pub shown: &'static str,
    /// What is measured at each point.
    pub how: How,
    /// Its points, from little to much.
    pub points: &'static [Point],
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Producing.
    Produce,
    /// Reading what was produced before.
    Catch,
    /// Producing to three nodes.
    Replicas,
    /// Producing to a topic whose oldest segments have to go.
    Retention,
}

/// One value of a factor.
pub struct Point {
    /// Its name.
    pub name: &'static str,
    /// Arguments of the generator that make it.
    pub words: &'static str,
    /// A setting of the topic on ours, and on Kafka.
    pub ours: &'static str,
    /// See above.
    pub kafkas: &'static str,
    /// Arguments of the reader.
    pub fetch: &'static str,
    /// About how many bytes of a batch a record takes.
    pub record: f64,
    /// How many replicas a batch is written to.
    pub copies: f64,
    /// Whether the page cache is made to forget it before it is read.
    pub cold: bool,
    /// Whether Kafka is left out.
    pub ours_only: bool,
}

const BASE: Point = Point {
    name: "",
    words: "",
    ours: "",
    kafkas: "",
    fetch: "",
    record: 110.0,
    copies: 1.0,
    cold: false,
    ours_only: false,
};

const fn point(name: &'static str, words: &'static str) -> Point {
    Point { name, words, ..BASE }
}

const fn sized(name: &'static str, words: &'static str, record: f64) -> Point {
    Point {
        record,
        ..point(name, words)
    }
}

const fn read(name: &'static str, fetch: &'static str) -> Point {
    Point {
        fetch,
        ..point(name, "--seconds 20")
    }
}

const fn produce(name: &'static str, title: &'static str, shown: &'static str, points: &'static [Point]) -> Factor {
    Factor {
        name,
        title,
        shown,
        how: How::Produce,
        points,
    }
}

const COST: &str = "CPU-s per GB";
const REQUEST: &str = "CPU-us per request";

/// All of them.
pub const FACTORS: [Factor; 11] = [
    produce(
        "record",
        "Size of a record, batches of 64 KiB",
        COST,
        &[
            sized("10 B", "--batch-size 65536 --record-size 10", 18.0),
            sized("100 B", "--batch-size 65536 --record-size 100", 110.0),
            sized("1 KiB", "--batch-size 65536 --record-size 1024", 1035.0),
            sized("10 KiB", "--batch-size 65536 --record-size 10240", 10260.0),
        ],
    ),
    produce(
        "batch",
        "Size of a batch",
        COST,
        &[
            sized("1 record", "--batch-size 1", 1500.0),
            point("4 KiB", "--batch-size 4096"),
            point("16 KiB", "--batch-size 16384"),
            point("64 KiB", "--batch-size 65536"),
            point("1 MiB", "--batch-size 1048576"),
        ],
    ),
    produce(
        "partitions",
        "Partitions",
        REQUEST,
        &[
            point("1", "--partitions 1"),
            point("100", "--partitions 100"),
            point("1000", "--partitions 1000"),
            Point {
                ours_only: true,
                ..point("10000", "--partitions 10000")
            },
        ],
    ),
    produce(
        "connections",
        "Connections, one request under way on each",
        REQUEST,
        &[
            point("1", "--depth 1 --connections 1"),
            point("10", "--depth 1 --connections 10"),
            point("50", "--depth 1 --connections 50"),
            // Enough for many requests on each.
            sized("1000", "--depth 1 --connections 1000 --seconds 4", 25.0),
        ],
    ),
    produce(
        "acks",
        "Acknowledgements",
        REQUEST,
        &[
            point("0", "--acks 0"),
            point("1", "--acks 1"),
            point("all", "--acks -1"),
            point("all, idempotent", "--acks -1 --idempotent"),
        ],
    ),
    produce(
        "compression",
        "Compression by the producer",
        REQUEST,
        &[
            point("none", "--compression none"),
            sized("lz4", "--compression lz4", 60.0),
            sized("zstd", "--compression zstd", 50.0),
        ],
    ),
    produce(
        "consumers",
        "Consumers that read along",
        COST,
        &[
            point("0", "--readers 0"),
            point("1", "--readers 1"),
            point("4", "--readers 4"),
            sized("16", "--readers 16", 440.0),
        ],
    ),
    produce(
        "durable",
        "On stable storage before the acknowledgement",
        COST,
        &[
            point("os", "--connections 8"),
            Point {
                ours: "--set riverrun.durability=flush",
                kafkas: "--set flush.messages=1",
                ..point("flush", "--connections 8")
            },
        ],
    ),
    Factor {
        name: "reading",
        title: "Reading from the start",
        shown: COST,
        how: How::Catch,
        points: &[
            read("cached", "--readers 1"),
            Point {
                cold: true,
                ..read("cold", "--readers 1")
            },
            read("4 readers", "--readers 4"),
            read("16 readers", "--readers 16"),
        ],
    },
    Factor {
        name: "retention",
        title: "Below the limit of retention, and past it",
        shown: COST,
        how: How::Retention,
        points: &[
            // Each continues where the one before has ended; what is kept is told beside.
            point("below", "--seconds 30"),
            point("past", "--seconds 30"),
            point("long past", "--seconds 30"),
        ],
    },
    Factor {
        name: "replicas",
        title: "Replicas, all nodes together",
        shown: COST,
        how: How::Replicas,
        points: &[
            Point {
                copies: 1.0,
                ..point("1", "--connections 6 --replication-factor 1")
            },
            Point {
                copies: 3.0,
                ..point("3", "--connections 6 --replication-factor 3")
            },
        ],
    },
];
