using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace AuthMesh.Client.Server;

/// <summary>One HTTP request as a value, so that it can be sent again with another token.</summary>
internal sealed record Request(HttpMethod Method, string Path)
{
    /// <summary>Goes along as `Authorization: Bearer`.</summary>
    public string? Token { get; init; }

    /// <summary>Goes along as `Cookie`: a name and its value.</summary>
    public string? Cookie { get; init; }

    /// <summary>JSON in UTF-8.</summary>
    public byte[]? Body { get; private init; }

    public static Request Get(string path) => new(HttpMethod.Get, path);

    public static Request Post<T>(string path, T body, JsonTypeInfo<T> type) => new Request(HttpMethod.Post, path).With(body, type);

    public static Request Delete(string path) => new(HttpMethod.Delete, path);

    public Request With<T>(T body, JsonTypeInfo<T> type) => this with { Body = JsonSerializer.SerializeToUtf8Bytes(body, type) };
}
