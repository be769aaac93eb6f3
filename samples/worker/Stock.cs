using System.Net.Http.Json;

namespace AuthMesh.Samples.Worker;

/// <summary>The section <c>Stock</c>.</summary>
internal sealed class StockOptions
{
    /// <summary>Where the stock is: the gateway, or the service itself inside the mesh.</summary>
    public Uri? Url { get; set; }

    /// <summary>How often it is read.</summary>
    public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(5);
}

/// <summary>The service that has the stock.</summary>
internal sealed class Stock(HttpClient http)
{
    /// <exception cref="HttpRequestException">It was not reached, or refused. The message says why.</exception>
    public async Task<string> ReadAsync(CancellationToken cancellationToken)
    {
        using var response = await http.GetAsync(new Uri("/stock", UriKind.Relative), cancellationToken);
        var answer = await response.Content.ReadFromJsonAsync<Answer>(cancellationToken);
        return response.IsSuccessStatusCode
            ? answer!.Message
            : throw new HttpRequestException($"{answer!.Message} ({answer.Code}, trace {answer.TraceId})", null, response.StatusCode);
    }

    // Every answer of the mesh has a message. Errors have a code, and a trace to look for in the logs.
    private sealed record Answer(string Message, string? Code, string? TraceId);
}
