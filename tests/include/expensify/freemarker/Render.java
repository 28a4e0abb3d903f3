import freemarker.template.Configuration;
import freemarker.template.Template;
import freemarker.template.TemplateExceptionHandler;
import java.io.OutputStreamWriter;
import java.io.StringReader;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TimeZone;

/**
 * Renders a template with the real engine: Render template.ftl data.json [setting ...].
 *
 * <p>data.json is {"batches": [[report, ...], ...]}: the template is rendered once per batch onto standard output, the way
 * the server does. A batch of null renders without any `reports` variable. {"$datetime": ms}, {"$day": "yyyy-MM-dd"},
 * {"$date": ms}, {"$double": "1.5"} and {"$set": [...]} make Java values that JSON has no word for. Settings: classic, beans,
 * keep-whitespace, locale=de_DE, zone=Asia/Tokyo, version=2.3.23.
 */
public final class Render {
    private final String text;
    private int at = 0;

    private Render(String text) {
        this.text = text;
    }

    public static void main(String[] args) throws Exception {
        List<String> settings = List.of(args).subList(2, args.length);
        String version = setting(settings, "version", "2.3.23");
        Configuration configuration = new Configuration(new freemarker.template.Version(version));
        configuration.setTemplateExceptionHandler(TemplateExceptionHandler.RETHROW_HANDLER);
        configuration.setLogTemplateExceptions(false);
        configuration.setClassicCompatible(settings.contains("classic"));
        configuration.setWhitespaceStripping(!settings.contains("keep-whitespace"));
        configuration.setLocale(Locale.forLanguageTag(setting(settings, "locale", "en_US").replace('_', '-')));
        TimeZone zone = TimeZone.getTimeZone(setting(settings, "zone", "UTC"));
        TimeZone.setDefault(zone);
        configuration.setTimeZone(zone);
        if (settings.contains("beans")) {
            configuration.setObjectWrapper(
                    new freemarker.ext.beans.BeansWrapperBuilder(Configuration.VERSION_2_3_23).build());
        }
        String source = Files.readString(Path.of(args[0]));
        Template template = new Template("export", new StringReader(source), configuration);
        Object data = new Render(Files.readString(Path.of(args[1]))).value();
        OutputStreamWriter out = new OutputStreamWriter(System.out, StandardCharsets.UTF_8);
        boolean first = true;
        for (Object batch : (List<?>) ((Map<?, ?>) data).get("batches")) {
            Map<String, Object> root = new HashMap<>();
            if (batch != null) {
                root.put("reports", batch);
            }
            root.put("addHeader", first);
            first = false;
            template.process(root, out);
        }
        out.flush();
    }

    private static String setting(List<String> settings, String name, String otherwise) {
        for (String one : settings) {
            if (one.startsWith(name + "=")) {
                return one.substring(name.length() + 1);
            }
        }
        return otherwise;
    }

    private char next() {
        while (Character.isWhitespace(text.charAt(at))) {
            at++;
        }
        return text.charAt(at);
    }

    private Object value() {
        char c = next();
        switch (c) {
            case '{':
                return object();
            case '[':
                return array();
            case '"':
                return string();
            case 't':
                at += 4;
                return Boolean.TRUE;
            case 'f':
                at += 5;
                return Boolean.FALSE;
            case 'n':
                at += 4;
                return null;
            default:
                int start = at;
                while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) {
                    at++;
                }
                BigDecimal number = new BigDecimal(text.substring(start, at));
                return number.scale() == 0 ? (Object) number.longValueExact() : number;
        }
    }

    private Object object() {
        Map<String, Object> all = new LinkedHashMap<>();
        at++;
        while (next() != '}') {
            if (text.charAt(at) == ',') {
                at++;
                next();
            }
            String name = string();
            next();
            at++;
            all.put(name, value());
        }
        at++;
        if (all.containsKey("$datetime")) {
            return new java.sql.Timestamp((Long) all.get("$datetime"));
        }
        if (all.containsKey("$day")) {
            return java.sql.Date.valueOf((String) all.get("$day"));
        }
        if (all.containsKey("$date")) {
            return new java.util.Date((Long) all.get("$date"));
        }
        if (all.containsKey("$double")) {
            return Double.valueOf((String) all.get("$double"));
        }
        if (all.containsKey("$set")) {
            return new LinkedHashSet<>((List<?>) all.get("$set"));
        }
        return all;
    }

    private List<Object> array() {
        List<Object> all = new ArrayList<>();
        at++;
        while (next() != ']') {
            if (text.charAt(at) == ',') {
                at++;
            }
            all.add(value());
        }
        at++;
        return all;
    }

    private String string() {
        StringBuilder all = new StringBuilder();
        at++;
        for (char c = text.charAt(at++); c != '"'; c = text.charAt(at++)) {
            if (c != '\\') {
                all.append(c);
                continue;
            }
            char escaped = text.charAt(at++);
            int simple = "\"\\/bfnrt".indexOf(escaped);
            if (simple >= 0) {
                all.append("\"\\/\b\f\n\r\t".charAt(simple));
            } else {
                all.append((char) Integer.parseInt(text.substring(at, at + 4), 16));
                at += 4;
            }
        }
        return all.toString();
    }
}
