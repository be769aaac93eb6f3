using System.Text;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using Microsoft.Net.Http.Headers;

namespace AuthMesh.Identity.OpenId;

/// <summary>
/// The parameters of a request, from a form or a query string: each once, and an empty one is an absent one (RFC 6749 §3.1, §3.2).
/// </summary>
internal sealed class ProtocolParameters
{
    private const int LongestState = 4 * 1024, LongestToken = 8 * 1024, LongestOther = 2 * 1024;

    private readonly Dictionary<string, string> values = new(StringComparer.Ordinal);

    private ProtocolParameters()
    {
    }

    /// <summary>What is wrong with the first wrong parameter; null if each is well-formed. A wrong one counts as absent.</summary>
    public Failure? Fault { get; private set; }

    /// <summary>The value of a parameter; null without one.</summary>
    public string? this[string name] => values.GetValueOrDefault(name) is { Length: > 0 } value ? value : null;

    /// <returns>The parameters, or null if the text cannot be decoded.</returns>
    public static ProtocolParameters? TryParse(ReadOnlySpan<byte> text)
    {
        if (!FormBody.TryParse(text, out var pairs))
        {
            return null;
        }

        var parameters = new ProtocolParameters();
        foreach (var (name, value) in pairs)
        {
            if (!parameters.values.TryAdd(name, value))
            {
                parameters.values[name] = "";
                parameters.Fault ??= name == "resource"
                    ? OAuthError.InvalidTarget
                    : CommonFailures.InvalidRequest("A parameter must not be given twice");
            }
            else if (value.Length > LongestOf(name) || value.Contains('\0', StringComparison.Ordinal))
            {
                parameters.values[name] = "";
                parameters.Fault ??= CommonFailures.InvalidRequest("A parameter is too long, or contains U+0000");
            }
        }

        return parameters;
    }

    /// <returns>The parameters of the query, or null if it cannot be decoded.</returns>
    public static ProtocolParameters? TryParse(QueryString query) =>
        TryParse(Encoding.UTF8.GetBytes(query.Value is ['?', .. var text] ? text : ""));

    /// <summary>Reads the form of a request. Any fault refuses it.</summary>
    public static async Task<(ProtocolParameters? Parameters, Failure? Refusal)> ReadFormAsync(HttpRequest http)
    {
        if (!MediaTypeHeaderValue.TryParse(http.ContentType, out var type)
            || !type.MediaType.Equals("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase))
        {
            return (null, CommonFailures.InvalidRequest("The request body must be a form: application/x-www-form-urlencoded"));
        }

        using var body = new MemoryStream();
        await http.Body.CopyToAsync(body, http.HttpContext.RequestAborted);
        return TryParse(body.GetBuffer().AsSpan(0, (int)body.Length)) switch
        {
            null => (null, CommonFailures.InvalidRequest("The request body is not a valid form")),
            { Fault: { } fault } => (null, fault),
            var parameters => (parameters, null),
        };
    }

    /// <summary>Reads the form of a request for a page, which renders any fault itself.</summary>
    public static async Task<ProtocolParameters?> ReadFormOrNullAsync(HttpRequest http)
    {
        using var body = new MemoryStream();
        await http.Body.CopyToAsync(body, http.HttpContext.RequestAborted);
        return TryParse(body.GetBuffer().AsSpan(0, (int)body.Length));
    }

    /// <summary>The parameters as a query string, without those that are given here.</summary>
    public string ToQuery(params string[] without) => string.Join('&', values
        .Where(pair => pair.Value.Length > 0 && !without.Contains(pair.Key))
        .Select(pair => $"{Uri.EscapeDataString(pair.Key)}={Uri.EscapeDataString(pair.Value)}"));

    /// <summary>The same parameters without some.</summary>
    public ProtocolParameters Without(params string[] names)
    {
        var rest = new ProtocolParameters { Fault = Fault };
        foreach (var (each, value) in values.Where(pair => !names.Contains(pair.Key)))
        {
            rest.values.Add(each, value);
        }

        return rest;
    }

    private static int LongestOf(string name) => name switch
    {
        "state" => LongestState,
        "token" or "refresh_token" or "id_token_hint" or "client_assertion" => LongestToken,
        _ => LongestOther,
    };
}
