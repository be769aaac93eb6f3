using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Net.Http.Headers;

namespace AuthMesh.Errors;

/// <summary>
/// Reads JSON without dropping, merging or converting anything silently. Unknown members, duplicate members, members in another case, wrong
/// types, NUL and lone surrogates give a 400 that names them.
/// </summary>
public static class StrictJson
{
    /// <summary>Reads the bodies of all requests strictly.</summary>
    /// <param name="services">The services of the application.</param>
    /// <param name="context">The generated context that knows the types of the bodies.</param>
    public static void AddStrictJson(this IServiceCollection services, JsonSerializerContext context)
    {
        services.AddSingleton<IStartupFilter, Utf8Json>();
        services.Configure<JsonOptions>(json =>
        {
            var options = json.SerializerOptions;
            options.TypeInfoResolverChain.Insert(0, context);
            options.AllowDuplicateProperties = false;
            options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
            options.PropertyNameCaseInsensitive = false;
            options.NumberHandling = JsonNumberHandling.Strict;
            options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping; // as in errors
            options.MaxDepth = 16; // only passkeys nest deeper than two: their extensions, which no service of ours reads
            options.Converters.Add(new StrictTextConverter());
        });
    }
}

/// <summary>
/// Refuses JSON in any other charset than UTF-8 (RFC 8259 §8.1). The framework would convert such a text, and lone surrogates with it,
/// before the strict reader sees it. A charset that the runtime does not know would throw. A body in a content coding is refused as well:
/// the reader would call it invalid JSON, and a few compressed bytes can unpack to any size.
/// </summary>
internal sealed class Utf8Json : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((context, proceed) =>
        {
            if (context.Request.Headers.ContentEncoding.Count > 0
                && context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody is not false)
            {
                return CommonFailures.EncodedBody().ExecuteAsync(context);
            }

            if (MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type) && type.Charset.HasValue)
            {
                if (!HeaderUtilities.RemoveQuotes(type.Charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase))
                {
                    return CommonFailures.FromStatus(StatusCodes.Status415UnsupportedMediaType).ExecuteAsync(context);
                }

                context.Request.ContentType = type.MediaType.ToString();
            }

            return proceed(context);
        });
        next(app);
    };
}

/// <summary>Accepts only text that PostgreSQL can store and that has only one UTF-8 form.</summary>
internal sealed class StrictTextConverter : JsonConverter<string>
{
    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.String)
        {
            throw new JsonException("must be a string");
        }

        string text;
        try
        {
            text = reader.GetString()!;
        }
        // the reader throws this for \ud800 without its other half, and for bytes that are not UTF-8
        catch (InvalidOperationException exception)
        {
            throw new JsonException("must be Unicode text without lone surrogates", exception);
        }

        return text.Contains('\0', StringComparison.Ordinal) ? throw new JsonException("must not hold U+0000") : text;
    }

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);
}
