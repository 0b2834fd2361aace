"""Every key of a run's config, documented once. The other configs say only what differs, and why.

Set a key from the command line with `--config.section.key=value`. Unknown keys are refused.
None means: derived from `model.depth` or from the data when a stage starts; `config.json` in the
stage's folder (`base/config.json`) holds what it became.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from data.web import settings as web_settings
from data.world import chat


def get_config() -> ConfigDict:
    config = ConfigDict()
    # The run's folder is runs/<name> unless --workdir says otherwise.
    config.name = "run"
    # Of parameters, data order and samples. The world has a seed of its own.
    config.seed = 0
    # Modules with run(config, workdir), run in this order; those already done are skipped.
    config.stages = ("data.tokenizer", "data.tokens", "train.pretrain")

    # The embedded small world of facts, told in several genres (data/world).
    config.world = ConfigDict()
    config.world.seed = 0
    config.world.megabytes = 24.0
    # Its conversations; data/world/chat/__init__.py says what each key is.
    config.world_chat = chat.defaults()

    # Web pages to clean documents (data/web). The settings of the filters are documented with the
    # filters, with where each value was published; data/web/settings.py leads to them.
    config.web = web_settings.defaults()
    # Files, folders or globs of pages, with commas between them: WARC, WET, HTML, JSONL and Parquet
    # (whose text is plain), and lists of such files (.paths). "": the crawl of the world that the
    # stage data.world.web has made.
    config.web.input = ""
    # Worker processes; 0: everything in one. Changes the speed alone.
    config.web.processes = 0

    config.data = ConfigDict()
    # "web" (what the stage data.web.pipeline has kept), "world" (the world's text as it is, no web
    # pages), "repetitions" and "comprehension" (text to learn copying and reading from),
    # "tfds:name[/split]", or files: text, JSONL, Parquet; folders and globs; gzip and zstd; remote
    # through fsspec. Several by weight: "a.txt@0.7,b/*.jsonl.gz@0.3".
    config.data.source = "world"
    # A source to validate on. "": documents of data.source, chosen by hash of their text.
    config.data.validation = ""
    # Fraction of documents held out when data.validation is "".
    config.data.validation_fraction = 0.01
    # The field of JSONL, Parquet and TFDS records that holds the text.
    config.data.text_key = "text"
    # Plain text without <|endoftext|> is cut at blank lines into documents of about so many bytes.
    config.data.document_bytes = 8192
    # Stop reading after so many bytes of text. 0: read everything.
    config.data.max_bytes = 0

    config.tokenizer = ConfigDict()
    # A tokenizer.json, or a folder with vocab.json and merges.txt, to take. "": train one.
    config.tokenizer.path = ""
    # "bpe" (byte-level) or "characters".
    config.tokenizer.kind = "bpe"
    config.tokenizer.vocab_size = 4096
    # How text is cut before merging, under llama.cpp's names: "qwen2" (each digit alone),
    # "llama-bpe" (digits in threes), "gpt-2".
    config.tokenizer.pattern = "qwen2"
    # Bytes of training text that BPE learns its merges from.
    config.tokenizer.sample_bytes = 50_000_000
    # And bytes of conversations, those of config.sft.sources: for a run that will have some.
    config.tokenizer.chat_bytes = 0

    config.model = ConfigDict()
    # The one dial: layers; width 64 · depth, heads of 64, batch and learning rates follow.
    config.model.depth = placeholder(int)
    # "qwen3", "llama3" or "gpt2": norm, mlp, position, rope_theta and the switches left out below.
    config.model.family = "qwen3"
    config.model.layers = placeholder(int)
    config.model.width = placeholder(int)
    config.model.heads = placeholder(int)
    # Key-value heads, a divisor of heads.
    config.model.kv_heads = placeholder(int)
    config.model.head_dim = placeholder(int)
    config.model.mlp_width = placeholder(int)
    # The longest sequence, in tokens.
    config.model.context = 1024
    # The tokenizer's size, rounded up to a multiple of 64 so that it divides over devices.
    config.model.vocab_size = placeholder(int)
    config.model.norm = placeholder(str)  # "rms" or "layer"
    config.model.norm_eps = placeholder(float)
    config.model.mlp = placeholder(str)  # "swiglu", "gelu" or "relu2"
    config.model.position = placeholder(str)  # "rope" or "learned"
    config.model.rope_theta = placeholder(float)
    config.model.qk_norm = placeholder(bool)
    config.model.biases = placeholder(bool)
    # Whether the embedding also produces the logits.
    config.model.tied = placeholder(bool)
    # Of activations and matrix products; parameters and optimizer state are float32.
    config.model.dtype = "float32"
    # "xla", "blocked" (CPU), "cudnn" (GPU), "splash" (TPU), or "auto": the fastest that will do.
    config.model.attention = "auto"
    # What the backward pass recomputes: "none", "dots" (all but matrix products), "full".
    config.model.remat = "none"
    # One compiled loop over the layers: compiles faster; unrolled layers run faster on a CPU.
    config.model.scan = False
    # Positions of a row whose logits exist at a time. 0: all.
    config.model.loss_chunk = 0

    # Devices along each axis; -1: what the others leave.
    config.mesh = ConfigDict()
    config.mesh.data = -1
    config.mesh.fsdp = 1
    config.mesh.tensor = 1
    # Split the CPU into so many devices, when the CPU is what runs. 0: one.
    config.mesh.cpu_devices = 0

    config.train = ConfigDict()
    # Optimizer steps. None: tokens_per_parameter (20: arXiv 2203.15556) decides.
    config.train.steps = placeholder(int)
    config.train.tokens_per_parameter = 20.0
    # Rows a step, over all devices and hosts.
    config.train.batch = placeholder(int)
    # Tokens a row. None: model.context.
    config.train.context = placeholder(int)
    # Microbatches a step: less memory, same result.
    config.train.accumulate = 1
    # Whether documents packed into one row are kept from seeing each other.
    config.train.separate_documents = False
    # Fraction of the steps, at the start, drawn from opening_source only (a curriculum), which is
    # one of the sources of config.data.source.
    config.train.opening = 0.0
    config.train.opening_source = ""
    # "muon" (matrices of the layers; AdamW for the rest) or "adamw" (everything).
    config.train.optimizer = "muon"
    # AdamW's peak learning rate. None: 6e-4 · sqrt(768 / width), or with "muon", which leaves it
    # little but the embedding, 4e-3 · sqrt(768 / width).
    config.train.learning_rate = placeholder(float)
    # Muon's peak learning rate.
    config.train.muon_learning_rate = 0.02
    # Decoupled decay of matrices, times the learning rate.
    config.train.weight_decay = 0.1
    config.train.beta1 = 0.9
    config.train.beta2 = 0.95
    # Largest global norm of the gradient. 0: no clipping.
    config.train.clip = 1.0
    # Fractions of the steps: linear warm-up, and linear decay to final_rate times the peak.
    config.train.warmup = 0.02
    config.train.decay = 0.4
    config.train.final_rate = 0.0
    # Decay of the parameters' moving average, which is then what is evaluated and used. 0: none.
    config.train.average = 0.0

    # Fine-tuning on conversations: the stages data.chat_tokens and train.sft.
    config.sft = ConfigDict()
    # The stage's folder in the run. "chat" is what serve.chat talks to.
    config.sft.name = "chat"
    # The stage whose checkpoint it starts from.
    config.sft.start = "base"
    # "world", files of conversations (data/chat_sources.py tells their forms), "interrogation"
    # (what the stage evals.interrogate has found that the model knows or not), and "replay":
    # documents of pretraining mixed in, without which what is not asked about is forgotten. By
    # weight, in rows: "world@0.4,chat/*.jsonl.gz@0.2,replay@0.4"; without weights, all rows equally
    # often.
    config.sft.sources = "world@0.5,replay@0.5"
    # Fraction of conversations held out, chosen by hash of the first turn of the user.
    config.sft.validation_fraction = 0.02
    # Of a tree of replies, the "best" ranked path or "all" paths.
    config.sft.oasst_paths = "best"
    # Tokens a row; longer conversations are cut after a reply. 0: as in pretraining.
    config.sft.context = 0
    # Optimizer steps. 0: so many that conversations are seen `epochs` times.
    config.sft.steps = 0
    config.sft.epochs = 2.0
    # Rows a step, and microbatches a step. 0: as config.train says or, where that leaves the rows
    # open, as the stage has that it starts from.
    config.sft.batch = 0
    config.sft.accumulate = 0
    # Peak learning rates, as a fraction of those of the stage that it starts from.
    config.sft.learning_rate_fraction = 0.3
    # As in config.train; here the rate falls from the end of the warm-up on.
    config.sft.warmup = 0.05
    config.sft.decay = 0.95
    config.sft.final_rate = 0.0
    config.sft.weight_decay = 0.0
    # Questions that the model answers at every evaluation, into samples.txt.
    config.sft.prompts = ("Who are you?", "What is the capital of France?")

    config.search = ConfigDict()
    # What the search tool looks in, as in data.source. "": the text of pretraining. "library" tells
    # what the world withholds from its documents.
    config.search.source = ""

    # What the model is asked to find out what it knows: the stage evals.interrogate.
    config.interrogate = ConfigDict()
    # The stage of the run that is asked.
    config.interrogate.stage = "sft"
    # "world", or JSON Lines of {"question", "answer" or "answers"}.
    config.interrogate.source = "world"
    # Most questions asked, and how often each.
    config.interrogate.questions = 1500
    config.interrogate.samples = 8
    # Share of right answers from which a question counts as known, and up to which as unknown.
    # What lies between is taught neither way.
    config.interrogate.known_from = 0.6
    config.interrogate.unknown_to = 0.15

    # Fine-tuning once more, with what interrogation has found: data.chat_tokens:sft=sft_again and
    # train.sft:sft=sft_again. The keys are those of config.sft.
    config.sft_again = config.sft.copy_and_resolve_references()
    config.sft_again.start = "sft"
    config.sft_again.sources = "world@0.4,interrogation@0.2,replay@0.4"

    # What the assistant knows and can do, on what no training contains: the stage evals.assistant.
    config.assistant = ConfigDict()
    # The stage of the run that is measured, beside what config.interrogate.stage was.
    config.assistant.stage = "chat"

    # Rankings of answers to requests for jokes and stories: the stage rl.rankings, which writes
    # rankings/train.jsonl (as people would order them) and held_out.jsonl (as the judge would).
    config.rankings = ConfigDict()
    # The stage that is asked for answers.
    config.rankings.stage = "chat"
    # Prompts of each split. Those held out are about other animals, things and people.
    config.rankings.train = 2000
    config.rankings.held_out = 300
    # Answers to each that the model writes, at temperature 1, and that the world's grammar does.
    config.rankings.sampled = 3
    config.rankings.written = 3
    # Most tokens that the model may write.
    config.rankings.tokens = 80

    # A model of what people like, for reinforcement learning: the stage train.reward.
    config.reward = ConfigDict()
    # The stage's folder in the run, and the stage whose checkpoint it starts from.
    config.reward.name = "reward"
    config.reward.start = "chat"
    # "rankings" (what the stage rl.rankings has written) and files of rankings or pairs
    # (data/preferences.py tells their forms), by weight as in config.sft.sources.
    config.reward.sources = "rankings"
    # Fraction of the prompts of files held out, chosen by hash of the user's first turn.
    config.reward.validation_fraction = 0.2
    # A file of people's preferences to measure on: what is held out of it. "": none. What could not
    # be used of it is counted in human_left_out.json, of the sources in left_out.json.
    config.reward.human = ""
    # "plackett_luce" (rankings as rows of choices), "all_pairs" (every ranking counts once) or
    # "bradley_terry" (every pair counts once; takes the margin).
    config.reward.loss = "plackett_luce"
    # How much better the chosen answer is meant to score.
    config.reward.margin = 0.0
    # What a level of scores away from 0 costs.
    config.reward.centring = 0.01
    # As in config.sft; a row is a prompt with all of its answers, context the tokens of one answer
    # with its prompt.
    config.reward.context = 0
    config.reward.steps = 0
    config.reward.epochs = 2.0
    config.reward.batch = 0
    config.reward.accumulate = 0
    config.reward.learning_rate_fraction = 0.3
    config.reward.warmup = 0.05
    config.reward.decay = 0.95
    config.reward.final_rate = 0.0
    config.reward.weight_decay = 0.0

    # Learning from the same preferences without a reward model: the stage train.dpo.
    config.dpo = ConfigDict()
    # As in config.reward. What it starts from is also the reference.
    config.dpo.name = "dpo"
    config.dpo.start = "chat"
    config.dpo.sources = "rankings"
    config.dpo.validation_fraction = 0.2
    # "dpo" (arXiv 2305.18290) or "ipo" (arXiv 2310.12036).
    config.dpo.loss = "dpo"
    # Coefficient of the KL to the reference policy that the loss stands for.
    config.dpo.beta = 0.1
    # Fraction of the pairs taken to be labelled the wrong way round; "dpo" alone.
    config.dpo.label_smoothing = 0.0
    config.dpo.context = 0
    config.dpo.steps = 0
    config.dpo.epochs = 1.0
    config.dpo.batch = 0
    config.dpo.accumulate = 0
    config.dpo.learning_rate_fraction = 0.1
    config.dpo.warmup = 0.05
    config.dpo.decay = 0.95
    config.dpo.final_rate = 0.0
    config.dpo.weight_decay = 0.0
    # Prompts that the model answers at every evaluation, into samples.txt.
    config.dpo.prompts = ("Tell me a joke about a cow.", "Tell me a story about a clock.")

    # Reinforcement learning, from verifiable rewards (RLVR) or a reward model (RLHF): the stages
    # rl.grpo and rl.ppo.
    config.rl = ConfigDict()
    # The stage's folder in the run, the stage that it starts from, and the name in the report under
    # which held-out rewards stand: <figures>_before and <figures>_after.
    config.rl.name = "rl"
    config.rl.start = "chat"
    config.rl.figures = "rl/grpo"
    # What is practised: a word of rl/environments/named.py.
    config.rl.environment = "problems"
    # Levels of difficulty that problems are drawn from, equally often. (): all there are.
    config.rl.levels = ()
    # Draw those more often where some answers are right and some wrong.
    config.rl.curriculum = False
    # Tools at hand: "python", "search". They are offered where a problem's prompt declares them.
    config.rl.tools = ()
    # Most tokens of an answer, those that tools return included (a problem that leaves no room for
    # them is left out, and counted); and the most calls of tools in it, and tokens a call returns.
    config.rl.tokens = 160
    config.rl.calls = 4
    config.rl.result_tokens = 64
    # Answers lose reward over the last so many of the tokens allowed, up to 1 where none is left
    # (arXiv 2503.14476). 0: they do not.
    config.rl.overlong = 0
    # Answers written at a time.
    config.rl.slots = 64
    # Steps; problems a step, and answers to each (the group size).
    config.rl.steps = 100
    config.rl.problems = 16
    config.rl.group = 8
    # A problem whose answers are all worth the same is replaced by another: at most so many times
    # as there are problems in a step.
    config.rl.resample = 1
    # Updates a step: times that its answers are gone through, and parts that they are cut into.
    config.rl.epochs = 1
    config.rl.minibatches = 1
    # Rows computed at a time, into which answers are packed. 0: as in pretraining.
    config.rl.microbatch = 0
    # "adamw" or "muon", and the others as in config.train; fractions are of all updates that there
    # can be, of which a step that learns nothing makes none.
    config.rl.optimizer = "adamw"
    config.rl.learning_rate = 3e-4
    config.rl.muon_learning_rate = 2e-3
    config.rl.weight_decay = 0.0
    config.rl.clip = 1.0
    config.rl.beta2 = 0.95
    config.rl.warmup = 0.02
    config.rl.decay = 0.3
    config.rl.final_rate = 0.1
    # Of GRPO: "dapo", "grpo", "dr_grpo", "gspo" or "cispo" (rl/losses.py says what each is).
    config.rl.loss = "dapo"
    # Ratios of probabilities are clipped to 1 - clip_low .. 1 + clip_high.
    config.rl.clip_low = 0.2
    config.rl.clip_high = 0.28
    # Largest weight that corrects for the sampler's probabilities not being the trainer's; 0: none.
    config.rl.truncation = 2.0
    # KL coefficient against the starting policy: in the loss for GRPO, in the reward for PPO.
    # kl_target (PPO): adapt the coefficient toward this many nats a token; 0: fixed.
    config.rl.kl = 0.0
    config.rl.kl_target = 0.0
    # Of PPO: discount and mixing of generalised advantage estimation (arXiv 1506.02438), how far an
    # expected reward may move in a step, and the weight of its loss.
    config.rl.gamma = 1.0
    config.rl.lam = 0.95
    config.rl.value_clip = 0.2
    config.rl.value_weight = 0.5
    # Steps between evaluations, on so many problems that are never practised. 0: a tenth of
    # the steps.
    config.rl.eval_steps = 0
    config.rl.eval_problems = 200
    # Answers to each, sampled at temperature 1. 0: one, the most likely.
    config.rl.eval_samples = 0
    # The stage of a reward model, where nothing verifies an answer. "": the environment verifies.
    config.rl.reward = ""
    # What an answer without an end is worth then: standard deviations below the start's mean.
    config.rl.unfinished = 3.0
    # Early stopping, with a reward model: when `patience` evaluations in a row were not the best by
    # the hidden judge, on half of the held-out problems; the policy of the best is kept. False: go
    # on to the end, and keep the last.
    config.rl.stop_at_peak = False
    config.rl.patience = 4

    # Practice on harder problems, from where the first ended: rl.grpo:rl=rl_hard.
    config.rl_hard = config.rl.copy_and_resolve_references()
    config.rl_hard.name = "rl_hard"
    config.rl_hard.start = "rl"
    config.rl_hard.figures = "rl/grpo_hard"

    # The same with PPO: rl.ppo:rl=ppo.
    config.ppo = config.rl.copy_and_resolve_references()
    config.ppo.name = "ppo"
    config.ppo.figures = "rl/ppo"
    config.ppo.epochs = 2
    config.ppo.minibatches = 2
    config.ppo.clip_high = 0.2
    config.ppo.kl = 0.05
    config.ppo.kl_target = 0.05

    # Jokes against a reward model: rl.grpo:rl=rlhf, and with PPO rl.ppo:rl=rlhf_ppo.
    config.rlhf = config.rl.copy_and_resolve_references()
    config.rlhf.name = config.rlhf.figures = "rlhf"
    config.rlhf.environment = "jokes"
    config.rlhf.reward = "reward"
    config.rlhf.tokens = 80
    config.rlhf.resample = 0
    config.rlhf.steps = 200
    config.rlhf.eval_steps = 10
    config.rlhf.eval_problems = 96
    config.rlhf.eval_samples = 4
    config.rlhf.stop_at_peak = True
    config.rlhf_ppo = config.rlhf.copy_and_resolve_references()
    config.rlhf_ppo.name = config.rlhf_ppo.figures = "rlhf_ppo"
    for key in ("epochs", "minibatches", "clip_high"):
        config.rlhf_ppo[key] = config.ppo[key]
    config.rlhf_ppo.kl = 0.02

    # Ways to use what a reward model has learnt, side by side: the stage rl.comparison.
    config.comparison = ConfigDict()
    # Stages to compare, those left out that the run does not have; the first is the reference.
    config.comparison.stages = ("chat", "dpo", "rlhf", "rlhf_ppo")
    # The stage of the reward model.
    config.comparison.reward = "reward"
    # Of so many answers of the reference the one that it likes best.
    config.comparison.best_of = (1, 2, 4, 8, 16)
    # Held-out prompts, of the half that no policy was stopped by; answers to each, at temperature
    # 1; and most tokens of one.
    config.comparison.prompts = 64
    config.comparison.samples = 16
    config.comparison.tokens = 80

    # What several answers to a problem are worth, and a choice among them: the stage rl.best_of_n.
    config.best_of_n = ConfigDict()
    # The stage's folder in the run and the first part of its figures' names; the stage asked.
    config.best_of_n.name = "best_of_n"
    config.best_of_n.stage = "chat"
    # As in config.rl. Problems are of those that are never practised.
    config.best_of_n.environment = "problems"
    config.best_of_n.levels = ()
    config.best_of_n.tools = ()
    config.best_of_n.tokens = 160
    config.best_of_n.problems = 200
    # Numbers of answers to choose from.
    config.best_of_n.n = (1, 2, 4, 8, 16, 32)
    config.best_of_n.temperature = 1.0
    # The stage of a reward model that chooses. "": none does.
    config.best_of_n.reward = ""

    config.checkpoint = ConfigDict()
    # Where checkpoints go, for example gs://...; "": the stage's folder. All hosts must see it, as
    # they must the run's folder.
    config.checkpoint.folder = ""
    # Steps between saves; one more is made at the end. None: a twentieth of the steps.
    config.checkpoint.steps = placeholder(int)
    # How many of the newest to keep; two at least.
    config.checkpoint.keep = 2

    # What is shown while training. Nothing here changes the result.
    config.watch = ConfigDict()
    # Steps between lines of metrics.jsonl.
    config.watch.log_steps = 10
    # Steps between evaluations on held-out text. None: a tenth of the steps.
    config.watch.eval_steps = placeholder(int)
    # Most rows of held-out text an evaluation during training reads. The last one reads all.
    config.watch.eval_rows = 256
    # Beginnings that the model completes at every evaluation, into samples.txt.
    config.watch.prompts = ("Once upon a time", "The capital of France is")
    config.watch.sample_tokens = 48
    # (stage, seconds) as it once took, from which the time left of the whole run is told; what is
    # done tells how much faster this machine is. (): that time is not told.
    config.watch.stage_seconds = ()
    return config
