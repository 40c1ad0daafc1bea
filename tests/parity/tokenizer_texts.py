"""Varied texts for the tokenizer goldens: the same list on every run."""

import random

LANGUAGES = [
    "The kettle was still warm when the second letter arrived, and nobody knew who had sent it.",
    "Der Fuchs überquerte die Straße, während die Bäckerin süße Brötchen in die Körbe füllte.",
    "Où étiez-vous l'été dernier, quand l'œuvre fut achevée à la gare de l'Est ?",
    "El niño pidió agua fría; ¿quién no lo haría con este calor? ¡Qué día!",
    "Não há ninguém na praça, só o coração da cidade a bater às três da manhã.",
    "Perché la città è così silenziosa? Forse è già mezzanotte, disse il più vecchio.",
    "De fiets van mijn zus staat al een week in de regen; zo'n één keer per maand gebeurt dat.",
    "Isen på sjön är tunn, så gå försiktigt över när det skymmer.",
    "Blåbærsyltetøy på brød og en kopp kaffe før båten går.",
    "Æbler, pærer og rødgrød med fløde stod på bordet ved åen.",
    "Yöllä satoi räntää, mutta aamulla hyppäsimme silti järveen.",
    "Þetta er ekki auðvelt, sagði hún og lokaði bókinni með æfðri hendi.",
    "Zażółć gęślą jaźń i zanieś ją dziś wieczorem do świątyni.",
    "Příliš mnoho koní běželo přes louku, když úplněk vyšel nad řekou.",
    "Ďaleko v horách žije vĺča, ktoré nikdy nevidelo dážď.",
    "Az őszi erdőben gyűjtött gombát a nagymama megfőzte a tűzhelyen.",
    "Într-o zi, băiatul și-a găsit pălăria în ţărână lângă fântână.",
    "Ağaçların gölgesinde çay içtik; ışık İstanbul'un üstüne düştü.",
    "Šešios žąsys plaukė per ežerą, o ąžuolas ošė.",
    "Zaļā pļava pie ezera ir kluss, bet putni dzied visu nakti.",
    "Õhtul läks külmaks ja küünal põles akna ääres.",
    "Con mèo đen ngủ trên mái nhà suốt buổi chiều mưa dầm.",
    "Kucing itu duduk di jendela sambil menunggu hujan berhenti.",
    "Ang bata ay naglalaro sa dalampasigan habang lumulubog ang araw.",
    "Paka mweusi alilala chini ya mti wakati wa jua kali.",
    "Ọmọdé náà ń ṣeré ní ẹ̀gbẹ́ odò, ó sì ń kọrin.",
    "Кот спал на подоконнике, пока за окном шёл первый снег.",
    "Їжак знайшов яблуко під ґанком і сховав його до зими.",
    "Момчето прочете книгата за една нощ и не каза на никого.",
    "Љубав је као река: ћути док не нађе ђердап.",
    "Тун ойда мышык терезеде отуруп, жылдыздарды санады.",
    "Шалқар даланың үстінде қыран құс қалықтап жүр.",
    "Η γάτα κοιμόταν στο παράθυρο, ενώ έξω έβρεχε όλη νύχτα.",
    "Կատուն քնած էր պատուհանի մոտ, երբ ձյուն եկավ։",
    "კატას ეძინა ფანჯარასთან, როცა თოვლი წამოვიდა.",
    "החתול ישן ליד החלון בזמן שירד הגשם הראשון.",
    "הַיֶּלֶד קָרָא סֵפֶר עָבֶה עַד אוֹר הַבֹּקֶר.",
    "نامت القطة قرب النافذة بينما كان المطر يهطل طوال الليل.",
    "كَتَبَ الوَلَدُ رِسَالَةً طَوِيلَةً إِلى جَدِّهِ.",
    "گربه کنار پنجره خوابید و تا صبح برف بارید؛ نمی‌دانستم.",
    "بلی کھڑکی کے پاس سو گئی اور رات بھر بارش ہوتی رہی۔",
    "बिल्ली खिड़की के पास सो गई और रात भर बारिश होती रही।",
    "विद्यार्थ्यांनी नदीकाठी क्षितिजाकडे पाहत गाणे गायले.",
    "বিড়ালটি জানালার পাশে ঘুমিয়ে পড়ল, আর সারারাত বৃষ্টি হল।",
    "ਬਿੱਲੀ ਖਿੜਕੀ ਕੋਲ ਸੌਂ ਗਈ ਤੇ ਸਾਰੀ ਰਾਤ ਮੀਂਹ ਪਿਆ।",
    "બિલાડી બારી પાસે સૂઈ ગઈ અને આખી રાત વરસાદ પડ્યો.",
    "பூனை ஜன்னலருகே தூங்கியது, இரவு முழுவதும் மழை பெய்தது.",
    "పిల్లి కిటికీ దగ్గర నిద్రపోయింది, రాత్రంతా వాన కురిసింది.",
    "ಬೆಕ್ಕು ಕಿಟಕಿಯ ಬಳಿ ಮಲಗಿತು, ರಾತ್ರಿಯಿಡೀ ಮಳೆ ಬಂತು.",
    "പൂച്ച ജനാലയ്ക്കരികിൽ ഉറങ്ങി, രാത്രി മുഴുവൻ മഴ പെയ്തു.",
    "පූසා ජනේලය ළඟ නිදාගත්තා, මුළු රැයම වැස්සා.",
    "แมวนอนอยู่ริมหน้าต่างขณะที่ฝนตกตลอดทั้งคืน",
    "ແມວນອນຢູ່ແຄມປ່ອງຢ້ຽມ ຝົນຕົກໝົດຄືນ",
    "ကြောင်လေးက ပြတင်းပေါက်နားမှာ အိပ်နေတယ်။",
    "ឆ្មាដេកនៅក្បែរបង្អួច ហើយភ្លៀងធ្លាក់ពេញមួយយប់។",
    "བྱི་ལ་སྒེའུ་ཁུང་འགྲམ་ལ་ཉལ་བསྡད།",
    "ድመቷ በመስኮቱ አጠገብ ተኛች፤ ሌሊቱን ሙሉ ዘነበ።",
    "猫在窗边睡着了,外面下了一整夜的雨。",
    "貓在窗邊睡著了,外頭下了一整夜的雨;誰也沒有說話。",
    "猫は窓辺で眠り、外では一晩中雨が降っていた。カタカナとひらがな。",
    "고양이는 창가에서 잠들었고, 밖에는 밤새 비가 내렸다.",
    "ᠮᠤᠤᠷ ᠴᠣᠩᠬᠣᠨ ᠤ ᠳᠡᠷᠭᠡᠳᠡ ᠤᠨᠲᠠᠪᠠ᠃",
    "Муур цонхны дэргэд унтаж, шөнөжин бороо оров.",
    "ᏪᏌ ᎦᎵᎲ ᎠᏍᏚᏗ ᎾᎥᎢ.",
    "Y gath a gysgodd wrth y ffenestr tra bu'n bwrw glaw drwy'r nos.",
    "Bhí an cat ina chodladh in aice na fuinneoige agus é ag cur báistí.",
    "Felis apud fenestram dormiebat, dum foris pluit.",
    "La kato dormis ĉe la fenestro dum pluvis la tutan nokton; ĝi ronronis ŝerce.",
]

CODE = [
    "def area(width: float, height: float = 1.0) -> float:\n    return width * height\n",
    "for i in range(10):\n\tprint(f\"{i:>3} {i**2}\")\n",
    "#include <vector>\n\nint main() {\n  std::vector<int> v{1, 2, 3};\n  return v[0] == 1 ? 0 : -1;\n}\n",
    "template <typename T>\nconcept Small = sizeof(T) <= 8 && !std::is_same_v<T, void>;",
    "fn main() {\r\n    let x: Option<&'static str> = None;\r\n    println!(\"{x:?}\");\r\n}\r\n",
    "SELECT name, COUNT(*) AS n FROM visits WHERE day >= '2021-03-04' GROUP BY name HAVING n > 12;",
    "const f = async (x) => { await g(x ?? 0); return `${x}px`; };",
    "<ul class=\"menu\">\n  <li><a href=\"/a?b=1&amp;c=2\">One</a></li>\n</ul>",
    "{\"id\": 42, \"tags\": [\"a\", \"b\"], \"ratio\": 1.5e-3, \"ok\": true, \"none\": null}",
    "if [ -z \"${HOME:-}\" ]; then echo 'no home' >&2; exit 1; fi",
    "\\frac{\\partial L}{\\partial w_{ij}} = \\sum_{k=1}^{N} \\delta_k x_{kj}",
    "x = (a<<3)|(b>>2)&0xFF^~c; y **= 2 // 3 != 4;",
    "--- a/file.txt\n+++ b/file.txt\n@@ -1,3 +1,4 @@\n-old\n+new\n+newer\n",
    "| a | b |\n|---|:-:|\n| 1 | **2** |\n\n* item\n    * nested `code`\n",
    "package main\n\nimport \"fmt\"\n\nfunc main() {\n\tfmt.Println(\"hi\")\n}\n",
    "public static void main(String[] args) throws Exception { int[] a = new int[]{1}; }",
    "λ> map (\\x -> x + 1) [1..10]\n[2,3,4,5,6,7,8,9,10,11]",
    "(defun fact (n) (if (<= n 1) 1 (* n (fact (- n 1)))))",
    "$ curl -s 'https://example.org/v1/items?limit=10' | jq '.[0].name'",
    "^(?:[A-Za-z0-9_]+\\.)*[a-z]{2,}$",
    "key: value\nlist:\n  - 1\n  - two\n  - 3.0\n",
    "\t\tif (!ptr) {\n\t\t\treturn NULL;\n\t\t}\n\n\n\t}",
    "a.b.c.d(e)[f]->g::h<i>&&j||k?l:m;",
    "%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj",
    "[core]\n\tautocrlf = input\n\tpager = less -FRX\n",
]

EMOJI = [
    "😀", "😂", "🥲", "🤖", "🦊", "🌍", "🔥", "✨", "☕", "⚠️", "❤️", "❤️‍🔥", "👍🏽", "👋🏿", "🧑‍💻", "👩‍🚀", "👨‍👩‍👧‍👦",
    "👩‍❤️‍💋‍👨", "🏳️‍🌈", "🏴‍☠️", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🇩🇪", "🇯🇵🇧🇷", "1️⃣", "#️⃣", "*️⃣", "🫠", "🫱🏻‍🫲🏿", "🪿", "♟️", "▶️", "㊗️", "🈚",
    "™️", "©", "🧑🏾‍🦽‍➡️", "🐦‍🔥", "🀄", "🃏", "‼️", "⁉️", "↔️", "🅰️",
]

SPACES = [
    "\t", "\n", "\v", "\f", "\r", " ", "\x85", "\xa0", "\u1680", "\u2000", "\u2003", "\u2009", "\u200a", "\u2028",
    "\u2029", "\u202f", "\u205f", "\u3000", "\r\n", "\n\n", "  ", "    ", "\u180e", "\u200b", "\u200c", "\u200d",
    "\u2060", "\ufeff",
]

CONTRACTIONS = [
    "I'm sure they'd say we've all it's that you're who'll can't", "I'M SURE THEY'D SAY WE'VE IT'S YOU'RE WHO'LL CAN'T",
    "I’m sure it’s what they’d do", "'s't're've'm'll'd", "''s '''t 'tis 'twas rock'n'roll", "it'\u017f IT'\u017f '\u017f",
    "'S 'T 'RE 'Ve 'lL 'D", "O'Brien's dogs' d'accord l'été", "'sa 'ta 'rex 'vex 'max 'lla 'dad", "x'y'z'd'e",
    "don''t", "'\ufb06 '\u0149 \u212a'\u212a", "it 's it ' s it's' s",
]

NUMBERS = [
    "0", "7", "10", "99", "100", "1234567890", "3.14159", "1,000,000", "-273.15", "1e-9", "0x1F", "0b1010", "12:34:56",
    "2024-02-29", "192.168.0.1", "+49 30 123456", "50%", "$19.99", "№ 5", "x2", "2x", "H2O", "a1b2c3", " 1", "  1",
    "\n1", "1 ", "1  2", "1   2   3", "\t1\t2", "1st 2nd 3rd", "½ ¼ ⅔", "x² + y³ = z⁴", "Ⅷ ⅻ", "①②③ ⓪", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳",
    "०१२३४५", "১২৩", "๑๒๓", "一二三四五", "〇", "㊀㊁", "𝟘𝟙𝟚 𝟬𝟭", "9" * 40, "1'000", "1's", "7'll", "3 's", "5\u00a06",
    "\U00010d40\U00010d41 \U0001ccf0", "\U00011de0\U00011de1", "a\U00016ff4b", "୧୨", "௧௰", "𐄇𐄈", "Ⅸa", "1Ⅸ½a",
]

PUNCTUATION = [
    "...", "…", "?!", "—", "--", "\"quoted\"", "«ainsi»", "„so“", "(a)", "[b]", "{c}", "<d>", "a/b\\c", "a_b-c", "@user #tag",
    "!!!\n\n", "end.\n", "end.\r\n\r\n", ";;;\n;", "a . b , c", " .", "  .", "\n.", "~`^|", "§ 5 ¶", "€5 £6 ¥7 ₿8", "±×÷≠≤≥∞∑√",
    "←↑→↓⇒", "■□▲●★", "。、「」", "؟،؛", "।॥", "¿¡", "°C", "µm", "a\u0301e\u0308", "\u0301", " \u0301x", "\u20e3", "·",
]

ALPHABETS = [
    (0x20, 0x7E), (0x20, 0x7E), (0xA0, 0xFF), (0x100, 0x24F), (0x250, 0x2FF), (0x300, 0x36F), (0x370, 0x3FF),
    (0x400, 0x52F), (0x530, 0x58F), (0x590, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F), (0x10A0, 0x10FF),
    (0x1E00, 0x1EFF), (0x2000, 0x206F), (0x2070, 0x209F), (0x20A0, 0x20CF), (0x2150, 0x218F), (0x2190, 0x22FF),
    (0x2460, 0x24FF), (0x2500, 0x26FF), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xE000, 0xF8FF),
    (0xFE00, 0xFE0F), (0xFF00, 0xFFEF), (0x10000, 0x103FF), (0x1D400, 0x1D7FF), (0x1F300, 0x1FAFF), (0x20000, 0x2A6DF),
    (0x31350, 0x323AF), (0x11F00, 0x11F59), (0xE0000, 0xE01EF), (0x100000, 0x10FFFD),
]

EDGES = [0x00, 0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xD7FF, 0xE000, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x3FFFF,
         0x40000, 0x50000, 0x90000, 0xC0000, 0xFFFFF, 0x100000, 0x10FFFF]


def character(rng, block=None):
    """A character of `block`, or of any block, or any at all; never a surrogate."""
    if block is None and rng.random() < 0.1:
        code = rng.randrange(0x110000)
    else:
        code = rng.randint(*(block or rng.choice(ALPHABETS)))
    return "?" if 0xD800 <= code <= 0xDFFF else chr(code)


def texts(special_spellings):
    """At least 2,000 different strings."""
    rng = random.Random(20250117)
    words = [word for line in LANGUAGES for word in line.split()]
    out = ["", " ", "a"]
    out += LANGUAGES + CODE + EMOJI + SPACES + CONTRACTIONS + NUMBERS + PUNCTUATION
    out += [" " + text for text in EMOJI + NUMBERS + PUNCTUATION]
    for code in list(range(0x20)) + list(range(0x7F, 0xA1)):
        out += [chr(code), f"a{chr(code)}b", f"one {chr(code)} 2{chr(code)}{chr(code)}\n"]
    for code in EDGES:
        out += [chr(code), f"x{chr(code)} {chr(code)}y"]
    for space in SPACES:
        out += [f"word{space}word", f"{space}word", f"word{space}", f"5{space}5", f"{space}!{space}", f"a {space}b"]
    for unit in ["a", " ", "\n", "-", "=", "ab", "é", "字", "😀", "0", "\t", "'", "\u00a0", "ha", "\r\n", "\x06", "<|"]:
        for length in [2, 3, 5, 8, 17, 64, 150]:
            out.append(unit * length)
    for spelling in special_spellings:
        out += [spelling, f"a{spelling}b", f" {spelling} {spelling}\n", spelling[:-1], spelling[1:]]
    for _ in range(60):
        one, other = rng.choices(special_spellings, k=2)
        out.append(rng.choice([one + other, one[: rng.randrange(len(one))] + other, f"{one} 12\n {other}",
                               one.upper() + other, f"<|{one}|>", f"{one[:3]}{other}{one[3:]}"]))
    for _ in range(260):  # words of all languages, any white space between them
        picked = rng.choices(words, k=rng.randint(2, 5))
        out.append("".join(word + rng.choice(SPACES + [" "] * 20) for word in picked))
    for _ in range(120):  # white space alone and around words
        out.append("".join(rng.choice(SPACES + ["x", "9", "é", "."]) for _ in range(rng.randint(2, 10))))
    for _ in range(120):  # numbers among words
        out.append("".join(rng.choice(NUMBERS + words + SPACES[:8]) for _ in range(rng.randint(2, 5))))
    for _ in range(120):
        out.append("".join(rng.choice(EMOJI + [" ", "a", "\u200d", "\ufe0f"]) for _ in range(rng.randint(2, 5))))
    for _ in range(120):
        out.append("".join(rng.choice(PUNCTUATION + CONTRACTIONS[7:8] + [" ", "\n", "a", "1"])
                           for _ in range(rng.randint(2, 6))))
    for block in ALPHABETS:
        for _ in range(5):
            out.append("".join(character(rng, block) for _ in range(rng.randint(1, 9))))
    for _ in range(260):
        out.append("".join(character(rng) for _ in range(rng.randint(1, 10))))
    return list(dict.fromkeys(out))


CHATS = [
    [("user", "What is the capital of Norway?")],
    [("user", "")],
    [("user", "apple")],
    [("user", "a")],
    [("user", " leading space")],
    [("user", "\n\nleading newlines")],
    [("user", "\n")],
    [("user", "   \t ")],
    [("user", "\r\nwindows")],
    [("user", "trailing newline\n")],
    [("user", "12 months")],
    [("user", "'s a contraction")],
    [("user", "😀 emoji 👩‍🚀")],
    [("user", "字")],
    [("user", "\x06 control \x00")],
    [("system", "You answer in one word."), ("user", "Which colour has the sky?")],
    [("system", ""), ("user", "Hello")],
    [("system", "\nSpaces around \n"), ("user", "\u3000wide")],
    [("system", "Only a system message.")],
    [("user", "Hi"), ("assistant", "Hello! How can I help?"), ("user", "Tell me a story.")],
    [("user", "Hi"), ("assistant", "\n\nHello"), ("user", "\n go on"), ("assistant", "No. "), ("user", "a  b")],
    [("system", "Be brief."), ("user", "1+1?"), ("assistant", "2"), ("user", "2+2?")],
    [("user", "One"), ("user", "Two")],
    [("assistant", "I speak first."), ("user", "Fine.")],
    [("user", "Hi"), ("assistant", "An answer that ends the conversation.")],
    [("assistant", "Alone.")],
    [("user", LANGUAGES[36]), ("assistant", LANGUAGES[57]), ("user", CODE[2])],
    [("system", LANGUAGES[26]), ("user", CODE[1])],
]


def chats():
    """Conversations as lists of (role, content); some fixed, some drawn."""
    rng = random.Random(7)
    out = list(CHATS)
    contents = LANGUAGES + CODE + EMOJI + NUMBERS + PUNCTUATION + [space + "x" for space in SPACES]
    for _ in range(40):
        turns = [("system", rng.choice(contents))] if rng.random() < 0.4 else []
        for i in range(rng.randint(1, 4)):
            turns.append(("user" if i % 2 == 0 else "assistant", rng.choice(contents)))
        out.append(turns)
    return out
