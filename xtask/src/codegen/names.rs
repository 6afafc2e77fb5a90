//! From Kafka's names to Rust's.

/// `CreateTopicsRequest` to `create_topics_request`; `KRaft` counts as one word.
pub fn snake(name: &str) -> String {
    let letters: Vec<char> = name.replace("KRaft", "Kraft").chars().collect();
    let mut snake = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| letters[before]);
        let after_lower = before.is_some_and(|before| before.is_ascii_lowercase() || before.is_ascii_digit());
        let starts_word = before.is_some_and(|before| before.is_ascii_uppercase())
            && letters.get(at + 1).is_some_and(|next| next.is_ascii_lowercase());
        if letter.is_ascii_uppercase() && (after_lower || starts_word) {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// A field's name, escaped if it is a keyword.
pub fn field(name: &str) -> String {
    let snake = snake(name);
    match snake.as_str() {
        "type" | "match" => format!("r#{snake}"),
        _ => snake,
    }
}

/// `TopicName` to `topicName`, as Kafka writes fields in JSON.
pub fn camel(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| first.to_ascii_lowercase())
        .into_iter()
        .chain(letters)
        .collect()
}

/// `UNKNOWN_TOPIC_ID` to `UnknownTopicId`.
pub fn pascal(name: &str) -> String {
    name.split('_')
        .map(|word| format!("{}{}", &word[..1], word[1..].to_ascii_lowercase()))
        .collect()
}
