using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Html;
using RazorSlices;

namespace AuthMesh.Identity.Pages.Frame;

/// <summary>Which part of the account a page belongs to; the navigation marks it.</summary>
public enum Section
{
    /// <summary>A page for people who are not signed in, or one that asks a single question.</summary>
    None,
    Profile,
    Security,
    Sessions,
    Applications,
}

/// <summary>What a page shows.</summary>
public abstract record PageModel(Visit Visit, Form Form)
{
    /// <summary>The key of the page's title.</summary>
    public abstract string Title { get; }

    public virtual Section Section => Section.None;

    /// <summary>The address to which the browser goes on by itself; null if it stays.</summary>
    public virtual string? GoesOnTo => null;

    /// <summary>The scripts of the page, without which it works as well.</summary>
    public virtual IReadOnlyList<string> Scripts => [];
}

/// <summary>The base of all pages: texts, fields and the layout.</summary>
public abstract class PageSlice<TModel> : RazorSlice<TModel>, IUsesLayout<Layout, PageModel>
    where TModel : PageModel
{
    public PageModel LayoutModel => Model;

    protected Form Form => Model.Form;

    protected string T(string key, params IEnumerable<(string Name, object Value)> values) => Model.Visit.Language.Format(key, values);

    /// <summary>A labelled field with what was typed and what is wrong with it.</summary>
    protected ValueTask<HtmlString> FieldAsync(FieldModel field) => RenderPartialAsync<Field, FieldModel>(field with
    {
        Language = Model.Visit.Language,
        Value = field.Value ?? Form.Shown(field.Name),
        Error = Form.ErrorOf(field.Name),
        IsFirst = Form.IsFine || Form.FirstWrong is null ? field.IsFirst : Form.FirstWrong == field.Name,
        HasAlert = Form.Alert is not null,
    });

    /// <summary>The place where the passkey script says what went wrong.</summary>
    /// <param name="path">The page, to which a proof that must come first leads back.</param>
    protected ValueTask<HtmlString> PasskeyMessageAsync(string path) =>
        RenderPartialAsync<PasskeyMessage, PasskeyMessageModel>(new PasskeyMessageModel(Model.Visit.Language, path));

    /// <summary>A time, which a script shows in the person's own time zone.</summary>
    protected ValueTask<HtmlString> TimeAsync(DateTimeOffset time) => RenderPartialAsync<Time, DateTimeOffset>(time);
}

/// <summary>The texts of the passkey script.</summary>
public sealed record PasskeyMessageModel(Language Language, string Path)
{
    private static readonly string[] Codes =
        ["too_many_attempts", "invalid_or_expired_token", "passkey_exists", "too_many_passkeys", "passkey_refused"];

    /// <summary>What the API can refuse, by its code, as JSON.</summary>
    public string Errors => new JsonObject(Codes.Where(code => Language.Find("error." + code) is not null).Select(
        code => KeyValuePair.Create(code, (JsonNode?)JsonValue.Create(Language["error." + code])))).ToJsonString();
}

/// <summary>A field of a form.</summary>
/// <param name="Name">Its name in the form, for which the texts have a label <c>field.NAME</c>.</param>
public sealed record FieldModel(string Name)
{
    public string Type { get; init; } = "text";

    public required string Autocomplete { get; init; }

    public string? InputMode { get; init; }

    /// <summary>The key of a text below the label.</summary>
    public string? Hint { get; init; }

    /// <summary>The text below the label, if it is not simply one of the texts.</summary>
    public string? HintText { get; init; }

    /// <summary>The key of another label.</summary>
    public string? Label { get; init; }

    /// <summary>Whether people copy it digit by digit.</summary>
    public bool IsCode { get; init; }

    public bool IsOptional { get; init; }

    /// <summary>Whether the page opens with the focus here.</summary>
    public bool IsFirst { get; init; }

    public string? Value { get; init; }

    /// <summary>The fewest characters of a new password, which a script counts while the person types.</summary>
    public int? Minimum { get; init; }

    internal Language? Language { get; init; }

    internal string? Error { get; init; }

    internal bool HasAlert { get; init; }
}
