"""How thirteen languages beside English say that a text does not tell.

Alternatives over folded text (lower case, ß as ss). A verb of telling alone does not abstain, for somebody in a story may
not tell: it takes the text as what does not, a passive, or the wanted information itself.
"""

from collections.abc import Collection
from dataclasses import dataclass

import regex

from rlc.data.text.fold import fold

_GAP = r"[^.;:!?。]{0,70}?"

_SPANISH = (
    rf"\b(?:texto|documento|pasajes?|fragmentos?|contexto|extractos?|informe|artículo|libro|autor|fuente)\b{_GAP}\bno\b{_GAP}"
    r"\b(?:menci|dice|indic|especific|proporcion|explic|inform|detall|contien|ofrec|señal|precis|aclar|habla|revel|da\b|trat"
    r"|abord|respond|incluy|aport|permit|hace)",
    r"\bno (?:se|está|es|fue|ha sido|viene|aparece|consta|figura)\b"
    + _GAP
    + r"\b(?:menci|dice|indic|especific|proporcion|explic|detall|señal|precis|aclar|encuentr|sabe|conoc|puede|texto|documento"
    r"|pasaje|fragmento|determin|dispon)",
    rf"\b(?:no (?:hay|existe|tengo|dispongo|contiene|se da|ofrece)|sin|falta|ningun\w*)\b{_GAP}"
    r"\b(?:información|datos?|menci\w+|detalles?|indicación|referencias?|respuesta)\b",
    r"\bno (?:es posible|puedo|podemos|se puede)\b"
    + _GAP
    + r"\b(?:determin|saber|respond|encontr|decir|responder|deduc)",
    r"\bse desconoce|\bno lo (?:menciona|dice|indica|especifica|precisa)|\bno (?:lo )?sé\b|\bdesconocid[oa] según",
    rf"\bnada\b{_GAP}\b(?:texto|documento|pasaje|fragmento)|\b(?:texto|documento|pasaje)\b{_GAP}\bnada\b",
)
_PORTUGUESE = (
    rf"\b(?:texto|documento|trechos?|passage(?:m|ns)|contexto|relatório|artigo|livro|autor|fonte|fragmentos?)\b{_GAP}\bnão\b{_GAP}"
    r"\b(?:menci|diz|indic|especific|fornec|explic|inform|detalh|cont[ée]m|oferec|assinal|precis|esclarec|fala|revel|traz|trat"
    r"|abord|respond|inclu|permit|faz|dá\b|cita|refere)",
    r"\bnão (?:se|está|é|foi|há|consta|aparece|vem)\b"
    + _GAP
    + r"\b(?:menci|diz\b|indic|especific|fornec|explic|detalh|precis|esclarec|encontr|sabe|conhec|possível|texto|documento|trecho"
    r"|passagem|determin|dispon|cita|inform)",
    rf"\b(?:não (?:há|existe|tenho|contém)|sem|falta|nenhum\w*)\b{_GAP}"
    r"\b(?:informaç\w+|dados?|menç\w+|detalhes?|indicaç\w+|referênci\w+|resposta)\b",
    r"\bnão (?:é possível|consigo|posso|se pode|podemos|dá para)\b"
    + _GAP
    + r"\b(?:determin|saber|respond|encontr|dizer|afirm)",
    r"\bdesconhece-se|\bnão (?:o )?sei\b|\bnão (?:o|a) (?:menciona|diz|indica|especifica)",
    rf"\bnada\b{_GAP}\b(?:texto|documento|trecho)|\b(?:texto|documento|trecho)\b{_GAP}\bnada\b",
)
_ITALIAN = (
    rf"\b(?:testo|documento|passagg\w+|bran[oi]|contesto|estratt[oi]|rapporto|articolo|libro|autore|fonte|frammenti?)\b{_GAP}\bnon\b{_GAP}"
    r"\b(?:menzion|dice|indica|specific|fornisc|spieg|inform|dettagl|contien|offr|segnal|precis|chiar|parla|rivel|d[àa]\b|tratt"
    r"|affront|rispond|includ|riport|permett|cita|fa\b|accenn)",
    r"\bnon (?:si|è|viene|vengono|sono|risulta|compare|c'è|ci sono)\b"
    + _GAP
    + r"\b(?:menzion|dice|indica|specific|forni|spieg|dettagl|precis|chiar|trov|\bsa\b|noto|not[ae]|possibile|testo|documento"
    r"|passagg|bran|determin|riport|cita|inform|accenn)",
    rf"\b(?:non (?:ci sono|c'è|esist\w+|ho|contiene|vi sono)|senza|manca\w*|nessun\w*)\b{_GAP}"
    r"\b(?:informazion\w+|dat[io]|menzion\w+|dettagl\w+|indicazion\w+|riferiment\w+|rispost[ae])\b",
    r"\bnon (?:è possibile|posso|si può|riesco|possiamo)\b"
    + _GAP
    + r"\b(?:determin|sap|rispond|trov|dire|stabil|dedurr)",
    r"\bnon (?:lo )?so\b|\bnon lo (?:menziona|dice|indica|specifica|precisa)",
    rf"\bnulla\b{_GAP}\b(?:testo|documento|brano)|\b(?:testo|documento|brano)\b{_GAP}\b(?:nulla|niente)\b",
)
_FRENCH = (
    rf"\b(?:texte|document|passages?|extraits?|contexte|rapport|article|livre|auteur|source|fragments?)\b{_GAP}\b(?:ne\b|n')"
    rf"{_GAP}\b(?:mentionn|di[ts]|indiqu|précis|fourni|expliqu|inform|détaill|contien|offr|signal|clarifi|parl|révèl|donn|trait"
    r"|abord|répond|inclu|permet|évoqu|comport|fait|cit)",
    r"\b(?:n'est|n'a|n'y|ne sont|n'ont|ne figure|n'apparaît)\b"
    + _GAP
    + r"\b(?:mentionn|dit\b|indiqu|précis|fourni|expliqu|détaill|clarifi|trouv|connu|possible|text|document|passage|extrait|inform"
    r"|donn|évoqu|spécifi|indication|réponse|cité|été dit)",
    rf"\b(?:aucun\w*|pas d[e']|sans|manque)\s?{_GAP}\b(?:information|donnée|mention|détail|indication|référence|réponse|élément|précision)",
    r"\b(?:impossible de|ne peut pas|ne peux pas|ne permet\w* pas de|ne saurait)\b"
    + _GAP
    + r"\b(?:détermin|savoir|répond|trouv|dire|établ|dédui|conna)",
    r"\b(?:je ne|on ne|nous ne) (?:le )?sa(?:is|it|vons) pas|\bne le (?:mentionne|dit|précise|indique)|\bon ignore",
    rf"\brien\b{_GAP}\b(?:texte|document|passage|extrait)|\b(?:texte|document|passage|extrait)\w*\b{_GAP}\brien\b",
)
_GERMAN = (
    rf"\b(?:text|dokument|abschnitt|auszug|artikel|buch)\w*\b{_GAP}\b(?:steht|sagt|enthält|gibt|nennt|verrät|erwähnt)\b{_GAP}\b(?:nichts|keine\w*)\b",
    rf"\b(?:text\w*|dokument\w*|passage\w*|abschnitt\w*|auszug\w*|auszüge\w*|kontext\w*|bericht\w*|artikel\w*|buch\w*|autor\w*|quelle\w*)\b"
    rf"{_GAP}\b(?:nicht|nichts|kein\w*)\b(?:{_GAP}\b(?:erwähn|gesagt|sagt|genannt|nennt|angegeben|gibt|steht|hervor|erläuter|erklär"
    r"|beschr|enth|beantwort|zu entnehmen|entnehm|aufgeführt|eingegangen|ein\b|verrät|verraten|vor\b|thematis|angabe|information"
    r"|hinweis|aussage|antwort|auskunft)|\s*\.?$)",
    rf"\b(?:steht|wird|werden|wurde|ist|sind|geht|lässt|findet|finden|gibt|liegt|liegen)\b{_GAP}\b(?:nicht|nichts|nirgends|nirgendwo|kein\w*)\b"
    rf"{_GAP}\b(?:erwähn|gesagt|genannt|angegeben|hervor|erläuter|erklärt|beschrieben|enthalten|beantwort|bekannt|ersichtlich|sagen"
    r"|bestimm|ermitteln|feststell|text|dokument|abschnitt|angabe|information|hinweis|aussage|auskunft|daten|spezifiz|aufgeführt|entnehm)",
    r"\b(?:keine\w*|ohne|fehlen|fehlt)\b"
    + _GAP
    + r"\b(?:information|angabe|hinweis|erwähnung|aussage|antwort|daten|einzelheit|detail)\w*"
    rf"(?:{_GAP}\b(?:text|dokument|abschnitt|auszug|vor|dazu|darüber|hierzu|enthalten|gegeben|zu finden|verfügbar)|\s*\.?$)",
    r"\b(?:kann|können|konnte)\b"
    + _GAP
    + r"\bnicht\b"
    + _GAP
    + r"\b(?:bestimm|beantwort|ermittel|gefunden|finden|sagen|feststell|entnehm)",
    r"\b(?:ich|wir) (?:weiss|wissen) (?:es )?nicht|\bunbekannt\b|\bist unklar|\bnicht (?:angegeben|erwähnt|genannt|bekannt|ersichtlich|spezifiziert)\b",
)
_DUTCH = (
    rf"\b(?:tekst|document|fragment\w*|passage|auteur)\b{_GAP}\b(?:zegt|noemt|vermeldt|geeft|bevat|legt|beschrijft|verklaart)\b{_GAP}"
    r"\b(?:niets?|geen)\b",
    rf"\bnergens\b{_GAP}\b(?:tekst|document|fragment|passage)",
    rf"\b(?:tekst|document|passages?|fragment\w*|context|rapport|artikel|boek|auteur|bron)\b{_GAP}\b(?:niet|niets|geen|nergens)\b(?:{_GAP}"
    r"\b(?:vermeld|noem|genoemd|gezegd|zegt|gaf|geeft|staat|uitgelegd|uitleg|beschr|bevat|beantwoord|aangegeven|opgemaakt|specific"
    r"|ingegaan|in\b|informatie|gegevens|antwoord|melding|op\b)|\s*\.?$)",
    rf"\b(?:staat|wordt|worden|is|zijn|werd|valt|blijkt|er is|er zijn)\b{_GAP}\b(?:niet|niets|nergens|geen)\b{_GAP}"
    r"\b(?:vermeld|genoemd|gezegd|aangegeven|uitgelegd|beschreven|bekend|duidelijk|tekst|document|fragment|informatie|gegevens|vermelding"
    r"|te bepalen|op te maken|gespecificeerd|te vinden|opgenomen)",
    r"\b(?:geen|zonder|ontbre\w+)\b"
    + _GAP
    + r"\b(?:informatie|gegevens|vermelding|aanwijzing|details?|antwoord)\b",
    r"\b(?:kan|kunnen|kon)\b"
    + _GAP
    + r"\bniet\b"
    + _GAP
    + r"\b(?:bepa|beantwo|vinden|gevonden|zeggen|vastgesteld|worden opgemaakt|afgeleid)",
    r"\b(?:ik weet|we weten|wij weten) (?:het )?niet|\bonbekend\b|\bniet (?:vermeld|genoemd|bekend|gespecificeerd|aangegeven)\b",
)
_POLISH = (
    rf"\b(?:tekst\w*|tekści\w*|dokumen\w+|fragmen\w+|kontek\w+|raport\w*|artykuł\w*|książk\w*|książce|autor\w*|źród\w+|urywk\w+)\b{_GAP}\bnie\b{_GAP}"
    r"\b(?:wspomin|wspomn|mówi|podaj|poda[jnł]|określ|wyjaśn|zawier|informuj|opisuj|precyz|wymieni|odpowiad|wynika|ma\b|porusz|wskaz|ujawn)",
    r"\bnie (?:jest|został\w*|ma|podano|wspomniano|określono|wiadomo|wynika|można|da się|znalaz\w+|zawiera|znajduj\w+|wymieniono|wyjaśniono|sprecyzowano|napisano)\b",
    r"\b(?:brak\w*|nie ma|bez)\b" + _GAP + r"\b(?:informacj\w+|danych|wzmian\w+|szczegół\w*|odpowiedzi)\b",
    r"\bnie (?:wiem|wiemy)\b|\bnie da się\b|\bniezna\w+ na podstawie",
    rf"\bnic\b{_GAP}\bnie\b{_GAP}\b(?:mówi|wspomina|ma|wiadomo)\b|\bani słowa\b",
)
_RUSSIAN = (
    rf"(?:текст|документ|отрыв|фрагмент|контекст|отчёт|отчет|стать|книг|автор|источник)\w*\b{_GAP}\bне\b{_GAP}"
    r"(?:упомина|упомян|говор|сказан|указ|уточн|объясн|содерж|сообща|описыв|раскры|назван|привод|дан|привед|да[её]т|отвеча|следует|ясно)",
    r"\bне (?:упомина\w+|упомянут\w*|указан\w*|указыва\w+|уточня\w+|сказано|говорится|сообщается|определен\w*|описан\w*|назван\w*|приведен\w*|раскры\w+|известно|следует|объясняется)\b",
    r"\b(?:нет|без|отсутству\w+|не содерж\w+|не хватает|недостаточно)\b"
    + _GAP
    + r"\b(?:информаци\w+|данных|сведени\w+|упоминани\w+|ответа|указани\w+|подробност\w+)",
    r"\b(?:информаци\w+|данные|сведения|упоминани\w+)\b"
    + _GAP
    + r"\b(?:отсутству\w+|нет|не представлен\w*|не найден\w*)",
    r"\b(?:невозможно|нельзя|не могу|не удаётся|не удается|не представляется возможным)\b"
    + _GAP
    + r"(?:определ|узнать|ответ|найти|сказать|установ|выясн)",
    r"\b(?:я|мы) не зна(?:ю|ем)\b|\bнеизвестно\b|\bничего не (?:сказано|говорится|сообщается|известно|упом\w+)",
)
_TURKISH = (
    rf"\b(?:metin\w*|metn\w+|belge\w*|pasaj\w*|bölüm\w*|bağlam\w*|rapor\w*|makale\w*|kitap\w*|kitab\w*|yazar\w*|kaynak\w*|parça\w*)\b{_GAP}"
    r"(?:bahsed(?:il)?m|bahsetm|belirt(?:il)?m|söyle(?:n)?m|açıkla(?:n)?m|yer alm|yer verilm|değin(?:il)?m|vermem|verilm[ei]|içerm|bulunm|geçm|cevap verm|yanıt verm|anlatm|anlatılm|yok\b|yoktur)",
    r"(?:belirtilm[ei]|bahsedilm[ei]|söz edilm[ei]|söylenme|açıklanma|değinilme|yer almı|yer almama|yer verilme|anlaşılamı|bilinmiyor|bilmiyor|belirsiz|tespit edilemi|belirlenemi|bulunamadı|cevaplanamaz|yanıtlanamaz|cevap verilemez)",
    rf"\b(?:bilgi|veri|ayrıntı|açıklama|cevap|yanıt|ifade)\w*\b{_GAP}(?:yok\b|yoktur|bulunm|verilmem|yer alm|mevcut değil|eksik)",
)
_ARABIC = (
    r"(?:لا|لم|لن)\s+(?:يتم\s+|يرد\s+|ي?وجد\s+|تتم\s+)?(?:[يتن]?ذكر|[يت]حدد|[يت]شي?ر|[يت]وضح|[يت]قدم|[يت]حتو|[يت]تضمن|[يت]تطرق|[يت]بين|[يت]وفر|[يت]رد|[يت]قل|[يت]قول|[يت]فصح|[يت]تناول|[يت]عط)\w*",
    r"(?:لا توجد|لا يوجد|لا تتوفر|لا تتوافر|ليس هناك|ليست هناك|دون|بدون|لا يتوفر)\s"
    + _GAP
    + r"(?:معلومات|بيانات|ذكر|تفاصيل|إجابة|إشارة|معلومة)",
    r"(?:غير (?:مذكور|محدد|معروف|معلوم|وارد|متوفر|متاح|واضح|موجود)\w*)",
    r"(?:لا يمكن|لا أستطيع|من غير الممكن|يستحيل|تعذر|لا نستطيع)\s"
    + _GAP
    + r"(?:تحديد|معرفة|الإجابة|العثور|الجزم|القول|استنتاج|معرف)",
    r"لا (?:أعرف|أعلم|نعرف|نعلم)",
)
_HINDI = (
    r"(?:उल्लेख|जिक्र|ज़िक्र|जानकारी|सूचना|विवरण|स्पष्ट|वर्णन|चर्चा|उत्तर|जवाब|संकेत|आंकड़े|तथ्य)[^।.?!]{0,60}(?:नहीं|नही|उपलब्ध नहीं|अनुपस्थित)",
    r"(?:नहीं|नही)\s+(?:बताया|बताई|बताता|कहा गया|दिया गया|दी गई|मिलता|मिलती|लिखा|दर्शाया|पता|कहता)",
    r"(?:पाठ|दस्तावेज़|दस्तावेज|लेख|अंश|किताब|पुस्तक)[^।.?!]{0,60}(?:नहीं|नही)\s*(?:है|हैं|बताता|कहता|देता|मिलता|लिखा)?",
    r"अज्ञात|(?:निर्धारित|ज्ञात|पता)[^।.?!]{0,20}(?:नहीं|असंभव)|संभव नहीं",
)
_CHINESE = (
    r"(?:没有|未|沒有|并未|並未|未曾|没|不曾|没能)(?:[^。！？!?,，]{0,8})(?:提到|提及|说明|說明|提供|指出|给出|給出|涉及|明确|明確|记载|記載|描述|透露|交代|介绍|介紹|写明|说到|讲到|谈到|列出|标明|找到|回答)",
    r"(?:没有|沒有|缺乏|缺少|无|無|不足)(?:[^。！？!?]{0,12})(?:信息|資訊|资料|資料|内容|內容|线索|说明|答案|细节|描述|记录|数据|依据)",
    r"(?:无法|無法|不能|难以|无从|無從)(?:[^。！？!?]{0,12})(?:确定|確定|得知|判断|判斷|回答|找到|知道|推断|推斷|得出|获知|知晓)",
    r"(?:文中|文本|文章|原文|文档|文檔|段落|材料|资料|資料|书中)[^。！？!?]{0,10}(?:没有说|沒有說|没说|未说|只字未提|未提|没提|不详|没有写|没写)",
    r"(?:不详|不詳|不得而知|未知(?:数)?$|不清楚|我不知道|只字未提)",
)
_JAPANESE = (
    r"(?:記載|言及|記述|説明|明記|情報|手がかり|記録|描写|該当する箇所|答え|回答|データ|詳細|触れ)(?:[^。！？!?]{0,16})(?:ない|ません|なし|おらず|無い|無し|ありませ|見当たら|見つかり|不足|られてい?ない|いな)",
    r"(?:書かれて|述べられて|示されて|触れられて|明らかにされて|説明されて|言及されて|述べて|触れて|語られて|与えられて|含まれて|明言されて)(?:い|お|は)(?:ない|ません|ら|なか|いない|いません|りません|らず)",
    r"(?:判断|特定|確認|回答|読み取|答え|知|判別|推測|決定)(?:する)?(?:こと)?(?:が|は|も)?(?:る?こと[がは])?(?:でき(?:ない|ません|ず)|れません|れない|り得ない)",
    r"(?:本文|文章|文書|資料|テキスト|文中|抜粋|この文|原文)[^。！？!?]{0,30}(?:分かり|わかり|不明|分から|わから|ありません|出てき(?:ません|ていません)|書いて(?:い|あり)ま?せん|書いてい?ない)",
    r"^(?:不明(?:です|である)?|わかりません|分かりません|わからない|分からない)",
)


@dataclass(frozen=True)
class Language:
    """A language other than English: when a sentence may be in it, and how one says that the text does not tell.

    `negations` are words of which its sentences hold one; where that is no word of its own, `marks` finds it.
    """

    name: str
    negations: frozenset[str]
    marks: "regex.Pattern[str] | None"
    phrases: "regex.Pattern[str]"

    def abstains(self, folded: str, words: Collection[str]) -> bool:
        """Whether a folded sentence, and its words, says so in this language."""
        may_be = bool(self.negations.intersection(words)) or (
            self.marks is not None and self.marks.search(folded)
        )
        return bool(may_be) and self.phrases.search(folded) is not None


def _language(name: str, phrases: tuple[str, ...], negations: str = "", marks: str = "") -> Language:
    return Language(
        name,
        frozenset(map(fold, negations.split())),
        regex.compile(marks) if marks else None,
        regex.compile("|".join(map(fold, phrases))),
    )


LANGUAGES = (
    _language(
        "Spanish", _SPANISH, "no sin nada falta ninguna ningún ninguno desconoce desconocida desconocido"
    ),
    _language(
        "German",
        _GERMAN,
        "nicht nichts nirgends nirgendwo kein keine keinen keiner keinem keines keinerlei ohne fehlt fehlen unbekannt unklar",
    ),
    _language("Japanese", _JAPANESE, marks=r"[\p{Han}\p{Hiragana}\p{Katakana}]"),
    _language("French", _FRENCH, "ne n pas aucun aucune rien sans manque impossible ignore"),
    _language("Portuguese", _PORTUGUESE, "não sem nada falta nenhum nenhuma desconhece"),
    _language("Russian", _RUSSIAN, marks=r"\p{Cyrillic}"),
    _language("Italian", _ITALIAN, "non senza manca mancano nulla niente nessun nessuna nessuno"),
    _language("Dutch", _DUTCH, "niet niets geen nergens zonder onbekend ontbreekt ontbreken"),
    _language("Polish", _POLISH, "nie brak brakuje bez nic ani"),
    _language("Chinese", _CHINESE, marks=r"\p{Han}"),
    _language(
        "Turkish", _TURKISH, marks=r"(?:yok\w*|m[iuü]yor\w*|m[ae](?:m|d|z|kte|dan|den)\w*|siz|eksik|değil)\b"
    ),
    _language("Arabic", _ARABIC, marks=r"\p{Arabic}"),
    _language("Hindi", _HINDI, marks=r"\p{Devanagari}"),
)
"""The most used languages of the web, but for English."""

NEGATIONS = frozenset().union(*(language.negations for language in LANGUAGES))
"""The words of negation of all of them; a sentence in ASCII without one is in none of them, but for `SUFFIXED`."""
SUFFIXED = tuple(language for language in LANGUAGES if language.name == "Turkish")
"""The languages of ASCII letters that deny within a word."""
