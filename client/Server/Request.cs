using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace AuthMesh.Client.Server;

/// <summary>One HTTP request as a value, so that it can be sent again with another token.</summary>
internal sealed record Request(HttpMethod Method, string Path)
{
    /// <summary>Sent as `Authorization: Bearer`.</summary>
    public string? Token { get; init; }

    /// <summary>Sent as `Cookie`: a name and its value.</summary>
    public string? Cookie { get; init; }

    /// <summary>JSON or a form, in UTF-8.</summary>
    public byte[]? Body { get; private init; }

    /// <summary>The media type of the body.</summary>
    public string BodyType { get; private init; } = "application/json";

    /// <summary>How long the whole answer may take.</summary>
    public TimeSpan Patience { get; private init; } = TimeSpan.FromSeconds(10);

    public static Request Get(string path) => new(HttpMethod.Get, path);

    public static Request Delete(string path) => new(HttpMethod.Delete, path);

    public Request With<T>(T body, JsonTypeInfo<T> type) => this with { Body = JsonSerializer.SerializeToUtf8Bytes(body, type) };

    public Request WithForm(params (string Name, string Value)[] fields) => this with
    {
        Body = Encoding.ASCII.GetBytes(
            string.Join('&', fields.Select(field => $"{Uri.EscapeDataString(field.Name)}={Uri.EscapeDataString(field.Value)}"))),
        BodyType = "application/x-www-form-urlencoded",
    };

    /// <summary>
    /// Adds a body with a password. The server lets it wait behind other password checks, or answers that it is overloaded, and the gateway
    /// allows 30 s for that. A client that gives up earlier does not know whether the password was changed.
    /// </summary>
    public Request WithPassword<T>(T body, JsonTypeInfo<T> type) => With(body, type) with { Patience = TimeSpan.FromSeconds(32) };
}
