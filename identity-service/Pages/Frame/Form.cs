using AuthMesh.Errors;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.Pages.Frame;

/// <summary>A field of a form. A secret is never shown again.</summary>
public readonly record struct FormField(string Name, bool IsSecret = false, int Longest = FormField.Usual)
{
    private const int Usual = 1024; // a password of 256 four-byte characters is the longest text that a use case takes

    public static implicit operator FormField(string name) => new(name);

    public static FormField Secret(string name) => new(name, IsSecret: true);

    /// <summary>What a passkey says, as JSON.</summary>
    public static FormField Credential(string name) => new(name, IsSecret: true, Longest: 16 * 1024);
}

/// <summary>What a person typed into a form, and what is wrong with it.</summary>
public sealed class Form
{
    private readonly Dictionary<string, string> values = [];
    private readonly Dictionary<string, string> errors = [];
    private readonly HashSet<string> shown = [];
    private readonly FormField[] fields;

    private Form(FormField[] fields) => this.fields = fields;

    /// <summary>A form that nobody has sent yet.</summary>
    public static Form Empty => new([]);

    /// <summary>What is wrong with the form as a whole.</summary>
    public string? Alert { get; private set; }

    public int Status { get; private set; } = StatusCodes.Status200OK;

    /// <summary>When to try again, if the refusal says so.</summary>
    public TimeSpan? RetryAfter { get; private set; }

    public bool IsFine => Status == StatusCodes.Status200OK;

    /// <summary>The first field that is wrong, in the order of the form.</summary>
    public string? FirstWrong => fields.Select(each => each.Name).FirstOrDefault(errors.ContainsKey);

    /// <summary>What was typed, or null if nothing was.</summary>
    public string? this[string name] => values.GetValueOrDefault(name) is { Length: > 0 } value ? value : null;

    /// <summary>What the page shows in the field again.</summary>
    public string? Shown(string name) => Array.Exists(fields, field => field.Name == name && field.IsSecret) ? null : this[name];

    /// <summary>Whether a field is wrong that the page does not have, such as a hidden one.</summary>
    public bool HasUnshownErrors => errors.Keys.Any(name => !shown.Contains(name));

    /// <summary>What is wrong with a field, for the page that shows it.</summary>
    public string? ErrorOf(string name)
    {
        shown.Add(name);
        return errors.GetValueOrDefault(name);
    }

    /// <summary>Reads the body of a request. A malformed body becomes an error of the form, not an exception.</summary>
    public static async Task<Form> ReadAsync(HttpRequest request, Language language, params FormField[] fields)
    {
        var form = new Form(fields);
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, request.HttpContext.RequestAborted);
        if (!FormBody.TryParse(body.GetBuffer().AsSpan(0, (int)body.Length), out var pairs))
        {
            form.Refuse(language["form.unreadable"]);
            pairs = []; // nothing half read
        }

        foreach (var (name, value) in pairs)
        {
            if (Array.Find(fields, field => field.Name == name) is not { Name: not null } field || form.values.ContainsKey(name))
            {
                form.Refuse(language["form.unreadable"]); // an unknown field, or one that is sent twice
            }
            else if (value.Contains('\0', StringComparison.Ordinal))
            {
                form.values[name] = "";
                form.Refuse(name, language["form.nul"]);
            }
            else if (value.Length > field.Longest)
            {
                form.values[name] = "";
                form.Refuse(name, language["form.too-long"]);
            }
            else
            {
                form.values[name] = value;
            }
        }

        return form;
    }

    /// <summary>Notes what a use case refused, in the person's language.</summary>
    /// <param name="failure">The refusal.</param>
    /// <param name="language">The person's language.</param>
    /// <param name="at">The field that the refusal is about, if it names none.</param>
    internal void Refuse(Failure failure, Language language, string? at = null)
    {
        Status = failure.Status;
        RetryAfter = failure.RetryAfter;
        var message = language.Find("error." + failure.Code) ?? failure.Message;
        if (failure.RetryAfter is { } wait)
        {
            message += " " + Wait(wait, language);
        }

        foreach (var (name, texts) in failure.Errors ?? new Dictionary<string, string[]>())
        {
            if (Array.Exists(fields, field => field.Name == name))
            {
                errors[name] = language.Fault(language[$"field.{name}"], texts[0]);
            }
        }

        if (errors.Count > 0)
        {
            return;
        }

        Alert = message;
        if (at is not null)
        {
            (Alert, errors[at]) = (null, message);
        }
    }

    private void Refuse(string name, string error) => (Status, errors[name]) = (StatusCodes.Status400BadRequest, error);

    private void Refuse(string alert) => (Status, Alert) = (StatusCodes.Status400BadRequest, alert);

    private static string Wait(TimeSpan wait, Language language)
    {
        var seconds = (int)Math.Ceiling(wait.TotalSeconds);
        return seconds <= 90 ? language.Format("form.wait-seconds", [("count", seconds)])
            : language.Format("form.wait-minutes", [("count", (seconds + 59) / 60)]);
    }
}
