using System.Text.Json;
using Microsoft.Extensions.Options;

namespace AuthMesh.Samples.Worker;

/// <summary>Reads the stock again and again, in the worker's own name. After a failure it goes on: the next call may succeed.</summary>
internal sealed partial class WatchStock(Stock stock, IOptions<StockOptions> options, ILogger<WatchStock> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.Interval);
        do
        {
            try
            {
                LogRead(await stock.ReadAsync(stoppingToken));
            }
            catch (Exception exception) when (
                exception is HttpRequestException or JsonException or TaskCanceledException && !stoppingToken.IsCancellationRequested)
            {
                LogUnread(exception.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(LogLevel.Information, "The stock: {Message}")]
    private partial void LogRead(string message);

    [LoggerMessage(LogLevel.Warning, "The stock cannot be read: {Reason}")]
    private partial void LogUnread(string reason);
}
